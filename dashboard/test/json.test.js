import assert from "node:assert/strict";
import test from "node:test";
import { layOut } from "../src/json.js";

test("numbers keep their digits and their form", () => {
  const text = '{"n":9007199254740993,"d":1.0,"z":-0.0,"e":1e400}';
  assert.equal(layOut(text), '{\n  "n": 9007199254740993,\n  "d": 1.0,\n  "z": -0.0,\n  "e": 1e400\n}');
});

test("texts with marks of JSON in them stay whole", () => {
  assert.equal(layOut('{"a{":"b,\\"}:]\\\\"}'), '{\n  "a{": "b,\\"}:]\\\\"\n}');
});

test("what is empty stays on its line", () => {
  assert.equal(layOut("{}"), "{}");
  assert.equal(layOut('[{},[],""]'), '[\n  {},\n  [],\n  ""\n]');
});

test("laid out twice is laid out once", () => {
  const once = layOut('{"a":[1,{"b":null}],"c":true}');
  assert.equal(layOut(once), once);
  assert.deepEqual(JSON.parse(once), { a: [1, { b: null }], c: true });
});
