#!/usr/bin/env python3
"""JSON Web Tokens as credentials: which are taken, which are not."""
import base64
import hashlib
import hmac
import json
import os
import shutil
import subprocess
import time
import unittest

from test_serve import Served
from tool import NACRE, PATIENCE

SECRET = b"0123456789abcdef0123456789abcdef"


def encode(data):
    if isinstance(data, dict):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """Keys of one test, made by openssl."""

    def __init__(self, place):
        self.rsa, self.ec = os.path.join(place, "rsa.pem"), os.path.join(place, "ec.pem")
        self.run("genpkey", "-quiet", "-algorithm", "RSA", "-out", self.rsa)
        self.run("genpkey", "-quiet", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-out", self.ec)

    @staticmethod
    def run(*words, given=None):
        return subprocess.run(["openssl", *words], input=given, stdout=subprocess.PIPE,
                              check=True).stdout

    def keys(self):
        modulus = self.run("rsa", "-in", self.rsa, "-modulus", "-noout").decode()
        point = self.run("pkey", "-in", self.ec, "-pubout", "-outform", "DER")[-64:]
        return [{"kty": "RSA", "kid": "r", "use": "sig",
                 "n": encode(bytes.fromhex(modulus.split("=")[1].strip())), "e": "AQAB"},
                {"kty": "EC", "kid": "e", "crv": "P-256", "x": encode(point[:32]),
                 "y": encode(point[32:])},
                {"kty": "oct", "kid": "h", "alg": "HS256", "k": encode(SECRET)}]

    def public_pem(self):
        return self.run("pkey", "-in", self.rsa, "-pubout")

    def sign(self, header, claims):
        text = encode(header) + "." + encode(claims)
        kind = header["alg"][:2]
        if kind == "RS":
            signature = self.run("dgst", "-sha256", "-sign", self.rsa, given=text.encode())
        elif kind == "ES":
            signature = self.raw(self.run("dgst", "-sha256", "-sign", self.ec,
                                          given=text.encode()))
        elif kind == "HS":
            signature = hmac.digest(SECRET, text.encode(), hashlib.sha256)
        else:
            signature = b""
        return text + "." + encode(signature)

    @staticmethod
    def raw(der):
        """The two integers of a DER signature, 32 bytes each."""
        out, at = b"", 2
        for _ in range(2):
            size = der[at + 1]
            out += der[at + 2:at + 2 + size].lstrip(b"\0").rjust(32, b"\0")
            at += 2 + size
        return out


@unittest.skipUnless(shutil.which("openssl"), "openssl makes the keys")
class Tokens(Served):
    def start(self, *words):
        if not hasattr(self, "signer"):
            self.make_place()
        super().start("--jwks", self.jwks, "--jwt-issuer", "https://issuer", "--jwt-audience",
                      "nacre", *words)

    def make_place(self):
        place = self.dir + ".keys"
        os.mkdir(place)
        self.addCleanup(shutil.rmtree, place)
        self.signer = Signer(place)
        self.jwks = os.path.join(place, "jwks.json")
        self.write_keys(self.signer.keys())

    def write_keys(self, keys):
        with open(self.jwks + ".new", "w", encoding="ascii") as file:
            json.dump({"keys": keys}, file)
        os.chmod(self.jwks + ".new", 0o600)
        os.rename(self.jwks + ".new", self.jwks)

    @staticmethod
    def claims(**other):
        now = int(time.time())
        made = {"iss": "https://issuer", "aud": "nacre", "sub": "ann", "exp": now + 600,
                "role": "writer", "databases": ["main"], **other}
        return {name: value for name, value in made.items() if value is not None}

    def check(self, status, header, verb="GET", path="/collections", body=None, **claims):
        token = self.signer.sign(header, self.claims(**claims))
        answer = self.call(verb, path, body, key=token)
        self.assertEqual(answer.status, status, answer.text)
        self.assertNotIn(token.split(".")[2] or "none", answer.text)
        return token

    def test_algorithms(self):
        for header in ({"alg": "RS256", "kid": "r"}, {"alg": "ES256", "kid": "e"},
                       {"alg": "HS256", "kid": "h"}):
            token = self.check(200, header)
            self.assertEqual(self.call("GET", "/collections", key=token).status, 200)
            head, body, signature = token.split(".")
            turned = signature[:-8] + ("A" if signature[-8] != "A" else "B") + signature[-7:]
            other = encode(self.claims(role="admin"))
            for wrong in (f"{head}.{body}.{turned}", f"{head}.{other}.{signature}",
                          f"{head}.{body}.", f"{head}.{body}", f"{head}..{signature}",
                          token + ".", token + "A" * 9000, f"{head}.{body}.={signature[1:]}",
                          f"{head}.{body}.A", f"{head}.{body}=.{signature}"):
                self.assertEqual(self.call("GET", "/collections", key=wrong).status, 401, wrong)

    def test_confusion(self):
        for header in ({"alg": "none"}, {"alg": "none", "kid": "r"}, {"alg": "None", "kid": "h"},
                       {"alg": "HS256", "kid": "r"}, {"alg": "RS256", "kid": "h"},
                       {"alg": "HS256", "kid": "e"}, {"alg": "ES256", "kid": "r"},
                       {"alg": "HS256"}, {"alg": "HS256", "kid": "x"},
                       {"alg": "HS256", "kid": "h", "crit": ["exp"]}):
            self.check(401, header)
        # The public key as the secret of an HMAC.
        text = encode({"alg": "HS256", "kid": "r"}) + "." + encode(self.claims())
        signature = hmac.digest(self.signer.public_pem(), text.encode(), hashlib.sha256)
        self.assertEqual(self.call("GET", "/collections",
                                   key=text + "." + encode(signature)).status, 401)

    def test_claims(self):
        header = {"alg": "HS256", "kid": "h"}
        now = int(time.time())
        for wrong in ({"exp": now - 1}, {"exp": None}, {"exp": "soon"}, {"exp": 1e300},
                      {"nbf": now + 600}, {"nbf": "x"}, {"iss": "https://other"}, {"iss": None},
                      {"aud": "other"}, {"aud": None}, {"aud": ["x"]}, {"sub": None}, {"sub": 1},
                      {"role": None}, {"role": "$x"}, {"databases": None}, {"databases": []},
                      {"databases": "main"}, {"databases": ["*x"]}):
            self.check(401, header, **wrong)
        self.check(200, header, aud=["x", "nacre"], nbf=now - 5, other={"a": [1]})
        self.check(403, header, role="unknown")

    def test_what_they_may(self):
        header = {"alg": "HS256", "kid": "h"}
        self.ok(201, "PUT", "/db/other")
        self.check(201, header, "PUT", "/collections/c/docs/a", {})
        self.check(403, header, "PUT", "/db/other/collections/c/docs/a", {})
        self.check(403, header, "GET", "/keys", role="admin")
        self.check(200, header, "GET", "/keys", role="admin", databases=["*"])

    def test_keys_change(self):
        header = {"alg": "HS256", "kid": "h"}
        token = self.check(200, header)
        self.write_keys(self.signer.keys()[:2])
        deadline = time.monotonic() + 60
        while self.call("GET", "/collections", key=token).status == 200:
            self.assertLess(time.monotonic(), deadline)
        self.check(401, header)
        self.check(200, {"alg": "ES256", "kid": "e"})

    def test_files(self):
        self.stop()
        names = ("--jwt-issuer", "https://issuer", "--jwt-audience", "nacre")
        oct_key = {"kty": "oct", "kid": "h", "k": encode(SECRET)}
        for keys, mode, words in (
                ([oct_key], 0o644, names), ([{**oct_key, "k": encode(b"short")}], 0o600, names),
                ([{"kty": "RSA", "n": "AQAB", "e": "AQAB"}], 0o600, names),
                (["x"], 0o600, names), ([oct_key], 0o600, names[:2])):
            self.write_keys(keys)
            os.chmod(self.jwks, mode)
            run = subprocess.run([NACRE, "serve", self.dir, "--listen", "127.0.0.1:0", "--jwks",
                                  self.jwks, *words], env=self.environment(), timeout=PATIENCE,
                                 capture_output=True, text=True, check=False)
            self.assertNotEqual(run.returncode, 0, keys)
            self.assertNotIn(encode(SECRET), run.stderr)


if __name__ == "__main__":
    unittest.main()
