#!/usr/bin/env python3
"""The dashboard as a person sees it: every page, in headless Chromium, on a server of its own."""
import json
import subprocess
import sys
import unittest
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
from test_serve import Served  # noqa: E402
from tool import FILMS, PATIENCE  # noqa: E402


def setUpModule():
    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--window-size=1300,900", "--disable-background-networking", "--no-first-run",
                 "--disable-component-update", "--disable-sync", "--disable-default-apps"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.binary_location = "/usr/bin/chromium"
    service = webdriver.chrome.service.Service("/usr/bin/chromedriver")
    Pages.browser = webdriver.Chrome(service=service, options=options)
    Pages.browser.set_page_load_timeout(PATIENCE)


def tearDownModule():
    Pages.browser.quit()


class Pages(Served):
    browser = None

    def setUp(self):
        super().setUp()
        self.base = f"http://127.0.0.1:{self.port}/ui/"
        if self.call("GET", "/../ui/").status == 501:
            self.skipTest("built without the dashboard: npm could not get its packages")
        self.drain_logs()

    def drain_logs(self):
        self.browser.get_log("browser")
        self.browser.get_log("performance")

    def films(self, count=300):
        done = subprocess.run(["zstd", "-dcq", FILMS], capture_output=True, check=True)
        lines = done.stdout.split(b"\n")[:count]
        self.ok(200, "POST", "/collections/films:import", b"\n".join(lines), "application/x-ndjson")

    # --- what a person does ---

    def until(self, act):
        """What act gives once it is true; elements may go and come while a page is drawn."""
        def attempt(_):
            try:
                return act()
            except Exception as error:  # pylint: disable=broad-except
                attempt.last = error
                return False
        attempt.last = None
        try:
            return WebDriverWait(self.browser, PATIENCE, 0.1).until(attempt)
        except Exception:
            self.fail(f"{attempt.last}\n{self.browser.find_element(By.TAG_NAME, 'body').text}")

    def find(self, css):
        return self.until(lambda: self.browser.find_element(By.CSS_SELECTOR, css))

    def click(self, css):
        self.until(lambda: self.browser.find_element(By.CSS_SELECTOR, css).click() or True)

    def press(self, text, within="body"):
        def press():
            for button in self.browser.find_elements(By.CSS_SELECTOR, f"{within} button"):
                if button.text == text and button.is_enabled():
                    button.click()
                    return True
            return False
        self.until(press)

    def says(self, text):
        self.until(lambda: text in self.browser.find_element(By.TAG_NAME, "body").text)

    def write(self, label, text):
        field = self.find(f"[aria-label={label}]")
        field.clear()
        field.send_keys(text)
        return field

    def rows(self):
        css = "table:not(.u-legend) tbody tr"
        return [row.text for row in self.browser.find_elements(By.CSS_SELECTOR, css)]

    def enter(self, page=""):
        self.browser.get(self.base)
        self.find("#key").send_keys(self.key + Keys.ENTER)
        self.says("Overview")
        self.browser.get(self.base + page)

    def editor(self):
        """The text area of the editor, which stands in a shadow root."""
        def inside():
            return self.browser.execute_script(
                "return document.querySelector('.editor').shadowRoot.querySelector('.cm-content')")
        return self.until(inside)

    def edit(self, old, new):
        """Changes the document's text, as typing does."""
        self.until(lambda: old in self.editor().text)
        at = self.editor()
        text = at.text.replace(old, new)
        at.send_keys(Keys.CONTROL, "a")
        self.browser.execute_script(
            "arguments[0].focus(); document.execCommand('insertText', false, arguments[1])",
            at, text)

    # --- pages ---

    def test_a_wrong_key_is_refused_and_a_right_one_stays_in_the_tab(self):
        self.browser.get(self.base)
        self.find("#key").send_keys("wrong" + Keys.ENTER)
        self.says("unauthenticated")
        self.find("#key").send_keys(Keys.CONTROL, "a")
        self.find("#key").send_keys(self.key + Keys.ENTER)
        self.says("Overview")
        self.browser.refresh()
        self.says("Overview")
        self.press("Sign out")
        self.find("#key")
        kept = self.browser.execute_script(
            "return JSON.stringify([{...localStorage}, {...sessionStorage}])")
        self.assertNotIn(self.key, kept)

    def test_overview(self):
        self.films()
        self.enter()
        self.says("300")
        self.until(lambda: len(self.browser.find_elements(By.CSS_SELECTOR, ".chart canvas")) == 3)
        self.says("Latency, p99")
        self.assertIn("main", self.rows()[0])

    def test_documents_are_found_paged_changed_and_deleted(self):
        self.films()
        self.enter("#/data/main/films")
        self.until(lambda: len(self.rows()) == 50)
        first = self.rows()[0]
        self.press("Next")
        self.says("Page 2")
        self.until(lambda: self.rows()[0] != first)
        self.press("Previous")
        self.until(lambda: self.rows()[0] == first)
        self.write("Filter", "year >")
        self.press("Find")
        self.says("invalid_filter")
        self.write("Filter", "year > 1900")
        self.write("Sort", "-year,title").send_keys(Keys.ENTER)
        found = json.loads(self.ok(200, "GET", "/collections/films/docs?filter=year%3E1900"
                                   "&sort=-year,title&limit=50").text)["items"]
        self.assertTrue(found)
        self.until(lambda: len(self.rows()) == len(found) and found[0]["title"] in self.rows()[0])

    def test_a_document_is_changed_under_its_version(self):
        self.ok(201, "PUT", "/collections/c/docs/~7", '{"n":9007199254740993,"d":1.0,"t":"old"}')
        self.enter("#/data/main/c")
        self.click("tbody button")
        self.edit('"old"', '"new"')
        self.press("Save")
        self.says("new")
        stored = self.ok(200, "GET", "/collections/c/docs/~7").text
        self.assertIn('"n":9007199254740993,"d":1.0,"t":"new","_version":2', stored)
        self.click("tbody button")
        self.until(lambda: '"new"' in self.editor().text)
        self.ok(200, "PUT", "/collections/c/docs/~7", '{"t":"of another"}')
        self.press("Save")
        self.says("version_mismatch")
        self.press("Load what is stored now")
        self.until(lambda: "of another" in self.editor().text)
        self.press("Delete", ".document")
        self.press("Yes", ".document")
        self.says("No documents fit.")
        self.assertEqual(self.call("GET", "/collections/c/docs/~7").status, 404)

    def test_a_new_document(self):
        self.ok(201, "PUT", "/collections/c", "{}")
        self.enter("#/data/main/c")
        self.press("New document")
        self.edit("{", '{"_id": "x/ü~", "a": 1')
        self.press("Save")
        self.until(lambda: "x/ü~" in self.rows()[0])
        self.click("tbody button")
        self.says("version 1")

    def test_indexes(self):
        self.films()
        self.enter("#/indexes/main/films")
        self.says("No index yet")
        self.write("Name", "by_year")
        self.write("Fields", "-year, title")
        self.press("Create")
        self.until(lambda: "-year, title" in self.rows()[0] and "ready" in self.rows()[0])
        self.write("Name", "bad")
        self.write("Fields", "$x")
        self.press("Create")
        self.says("invalid_argument")
        self.press("Drop")
        self.press("Yes")
        self.says("No index yet")

    def test_changes_come_as_they_are_written(self):
        self.ok(201, "PUT", "/collections/c", "{}")
        self.enter("#/changes/main/c")
        self.says("Waiting for the next write")

        def written():  # the page follows from now on, and when that is nobody can see
            self.ok(200, "POST", "/collections/c/docs:batch",
                    '{"operations":[{"op":"put","id":"k","document":{"shown":true}}]}')
            return any("shown" in row for row in self.rows())
        self.until(written)
        self.press("Pause")
        self.until(lambda: "Go on" in self.browser.page_source)

    def test_running_queries(self):
        self.films()
        self.enter("#/running/main/films")
        self.says("Nothing runs.")

    def test_both_themes(self):
        self.enter()
        def back():
            return self.browser.execute_script(
                "return getComputedStyle(document.body).backgroundColor")
        self.press("system theme")
        dark = self.until(lambda: "dark theme" in self.browser.page_source and back())
        self.press("dark theme")
        self.until(lambda: "light theme" in self.browser.page_source and back() != dark)
        self.press("light theme")

    def test_nothing_is_asked_of_others_and_nothing_breaks_the_policy(self):
        self.films(100)
        self.drain_logs()
        self.enter()
        for page in ("data", "indexes", "changes"):
            self.browser.get(self.base + f"#/{page}/main/films")
            self.says("films")
        self.browser.get(self.base + "#/data/main/films")
        self.click("tbody button")
        self.editor()
        asked = set()
        for entry in self.browser.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.add(message["params"]["request"]["url"])
        self.assertTrue(asked)
        here = f"http://127.0.0.1:{self.port}/"
        self.assertEqual([url for url in asked if not url.startswith((here, "data:"))], [])
        self.assertEqual([e for e in self.browser.get_log("browser") if e["level"] == "SEVERE"], [])

    def test_the_files_need_no_key_and_are_asked_again_by_their_tag(self):
        answer = self.call("GET", "/../ui/app.js", key="wrong")
        self.assertEqual(answer.status, 200)
        self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
        again = self.call("GET", "/../ui/app.js", If_None_Match=answer.headers["ETag"])
        self.assertEqual((again.status, again.text), (304, ""))
        self.assertEqual(self.call("GET", "/../ui").headers["Location"], "/ui/")
        self.assertEqual(self.call("GET", "/../ui/nothing").status, 404)
        self.assertEqual(self.call("POST", "/../ui/").status, 405)


if __name__ == "__main__":
    unittest.main()
