#!/usr/bin/env python3
"""Limits of requests: of each key, of a tenant, of wrong keys from an address."""
import unittest

from test_serve import Served


class Limits(Served):
    def make(self, **more):
        return self.ok(201, "POST", "/keys", {"name": "k", "role": "writer", **more}).json["key"]

    def until_limited(self, key, most):
        """How many calls were answered, and the first that was not."""
        for count in range(most):
            answer = self.call("GET", "/collections", key=key)
            if answer.status == 429:
                return count, answer
            self.assertEqual(answer.status, 200)
        return most, None

    def restart(self, *words):
        self.stop()
        self.start(*words)

    def check_refusal(self, answer):
        self.assertEqual(answer.json["code"], "rate_limited")
        self.assertTrue(answer.json["retryable"])
        self.assertRegex(answer.headers["Retry-After"], "^[1-9][0-9]*$")

    def test_of_a_key(self):
        self.restart("--rate", "3")
        one, two = self.make(), self.make()
        first = self.ok(200, "GET", "/collections", key=one)
        self.assertEqual(first.headers["RateLimit-Policy"], '"calls";q=3;w=1')
        self.assertRegex(first.headers["RateLimit"], '^"calls";r=[0-2];t=1$')
        count, refused = self.until_limited(one, 100000)
        self.assertGreaterEqual(count, 2)
        self.check_refusal(refused)
        self.assertRegex(refused.headers["RateLimit"], '^"calls";r=0;t=1$')
        # Another key and the admin have their own.
        self.assertEqual(self.call("GET", "/collections", key=two).status, 200)
        for _ in range(20):
            self.assertEqual(self.call("GET", "/collections").status, 200)

    def test_of_a_tenant(self):
        self.restart("--tenant-rate", "3")
        one, two = (self.make(databases=["main", "b*"]) for _ in range(2))
        free, other = self.make(), self.make(databases=["main"])
        for count in range(100000):
            refused = self.call("GET", "/collections", key=(one, two)[count % 2])
            if refused.status == 429:
                break
        self.check_refusal(refused)
        self.assertIn("these databases", refused.json["detail"])
        self.assertEqual(self.call("GET", "/collections", key=other).status, 200)
        for _ in range(10):
            self.assertEqual(self.call("GET", "/collections", key=free).status, 200)

    def test_of_wrong_keys(self):
        key = self.make()
        statuses = [self.call("GET", "/collections", key="wrong").status for _ in range(190)]
        self.assertEqual(set(statuses), {401})
        for _ in range(100000):
            answer = self.call("GET", "/collections", key="wrong")
            if answer.status == 429:
                break
            self.assertEqual(answer.status, 401)
        self.check_refusal(answer)
        # Who has a key is not kept out by others of the same address.
        self.assertEqual(self.call("GET", "/collections", key=key).status, 200)
        self.assertEqual(self.call("GET", "/collections").status, 200)


if __name__ == "__main__":
    unittest.main()
