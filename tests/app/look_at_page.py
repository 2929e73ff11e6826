#!/usr/bin/env python3
"""look_at_page.py PAGE FOLDER [WIDTH...]: looks at a page in headless Chromium, as a reader would.

PAGE is a file or an address. Prints a JSON object {"complaints": [...], "screenshots": [...], "pdf_text": "..."}; the
screenshots and the printed page lie in FOLDER. Chromium is driven through the DevTools protocol on a pipe, so that
nothing but the standard library is needed. Exits 77 where there is no Chromium.
"""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

PATIENCE = 180  # seconds for one answer: a loaded machine of two cores is slow
HEIGHT = 900

# What is wrong with the page as it is laid out now. Runs in the page; everything is measured, nothing assumed.
CHECKS = r"""
(() => {
  const complaints = [];
  const say = (what, where) => complaints.push(where ? what + ': ' + where : what);
  const name_of = e => e.tagName.toLowerCase() + (e.id ? '#' + e.id : '') +
    (e.closest('section, nav') ? ' in ' + e.closest('section, nav').id : '');
  const page = document.documentElement.clientWidth;

  // Nothing reaches beyond the page, but for what scrolls by itself.
  if (document.documentElement.scrollWidth > page) {
    say('the page overflows', document.documentElement.scrollWidth + ' > ' + page);
  }
  for (const e of document.querySelectorAll('body *')) {
    if (e.closest('svg') || e.closest('details:not([open])')) continue;
    if (e.parentElement.closest('.scroll, pre') || e.matches('.skip')) continue;
    const box = e.getBoundingClientRect();
    if (box.width > 0 && (box.right > page + 1 || box.left < -1)) say('beyond the page', name_of(e));
  }

  // Figures.
  const figures = [...document.querySelectorAll('figure')];
  for (const figure of figures) {
    const svg = figure.querySelector('svg');
    if (!svg) { say('a figure without a drawing', figure.id); continue; }
    const box = svg.getBoundingClientRect();
    const frame = svg.parentElement.getBoundingClientRect();
    const style = getComputedStyle(svg);
    if (!(box.width > 100 && box.height > 100) || style.visibility != 'visible') say('not visible', figure.id);
    if (frame.right > page + 1 || frame.left < -1) say('a figure beyond the page', figure.id);
    if (page >= 900 && box.right > page + 1) say('a drawing beyond the page', figure.id);
    if (svg.querySelectorAll('path, line, polyline, polygon, circle, rect, use').length < 3) say('empty', figure.id);
    const label = svg.getAttribute('aria-label') || (svg.querySelector(':scope > title') || {}).textContent ||
      (svg.getAttribute('aria-labelledby') || '').split(' ').map(id => (document.getElementById(id) || {}).textContent || '').join('');
    if (svg.getAttribute('role') != 'img' || !label.trim()) say('a drawing without a name', figure.id);
    if (!figure.querySelector('figcaption').textContent.trim()) say('no caption', figure.id);
    const texts = [...svg.querySelectorAll('text')].filter(t => t.textContent.trim());
    if (!texts.length) { say('a drawing without text', figure.id); continue; }
    const first = texts.find(t => t.textContent.trim().length > 2) || texts[0];
    const range = document.createRange();
    range.selectNodeContents(first);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    if (!getSelection().toString().includes(first.textContent.trim().slice(0, 3))) say('text cannot be selected', figure.id);
    getSelection().removeAllRanges();
    const boxes = texts.map(t => [t.textContent.trim(), t.getBoundingClientRect()]);
    for (const [text, b] of boxes) {
      if (b.left < box.left - 1 || b.right > box.right + 1 || b.top < box.top - 1 || b.bottom > box.bottom + 1) {
        say('a clipped label "' + text + '"', figure.id);
      }
    }
    for (let i = 0; i < boxes.length; ++i) for (let j = 0; j < i; ++j) {
      const [a, p] = boxes[i], [b, q] = boxes[j];
      const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
      const high = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
      const same = a == b && Math.abs(p.left - q.left) < 1 && Math.abs(p.top - q.top) < 1;  // a halo
      const least = (u, v) => Math.min(u, v);
      // Boxes of text hold the space above and below its letters, so lines may share a third of it.
      if (!same && wide > 0.05 * least(p.width, q.width) + 1 && high > 0.34 * least(p.height, q.height)) {
        say('labels overlap "' + a + '" "' + b + '"', figure.id);
      }
    }
  }
  for (const image of document.querySelectorAll('img')) if (!image.alt) say('an image without a name', name_of(image));

  // Structure.
  if (!document.documentElement.lang) say('no language');
  if (!document.title) say('no title');
  if (document.querySelectorAll('h1').length != 1) say('not one h1');
  if (document.querySelectorAll('main').length != 1) say('not one main');
  let level = 0;
  for (const heading of document.querySelectorAll('h1, h2, h3, h4, h5, h6')) {
    const now = +heading.tagName[1];
    if (now > level + 1) say('a heading skips a level', heading.textContent);
    if (!heading.textContent.trim()) say('an empty heading', name_of(heading));
    level = now;
  }
  const ids = new Set();
  for (const e of document.querySelectorAll('[id]')) {
    if (ids.has(e.id)) say('an id twice', e.id);
    ids.add(e.id);
  }
  for (const e of document.querySelectorAll('[aria-labelledby]')) {
    for (const id of e.getAttribute('aria-labelledby').split(' ')) if (!ids.has(id)) say('names nothing', id);
  }
  for (const a of document.querySelectorAll('a[href^="#"]')) {
    if (!ids.has(a.getAttribute('href').slice(1))) say('leads nowhere', a.getAttribute('href'));
  }
  for (const table of document.querySelectorAll('table')) {
    if (!table.caption || !table.caption.textContent.trim()) say('a table without a caption', name_of(table));
    for (const th of table.querySelectorAll('th')) if (!th.scope) say('a th without scope', name_of(table));
  }

  // Contrast (WCAG 2.2, 1.4.3): 4.5, or 3 for large letters.
  const colour = text => {
    const numbers = (text.match(/[\d.]+/g) || []).map(Number);
    return {rgb: numbers.slice(0, 3), alpha: numbers.length > 3 ? numbers[3] : 1};
  };
  const over = (top, ground) => top.rgb.map((c, i) => c * top.alpha + ground[i] * (1 - top.alpha));
  const ground_of = e => {
    const layers = [];
    for (let at = e; at; at = at.parentElement) {
      const c = colour(getComputedStyle(at).backgroundColor);
      if (c.alpha > 0 && at.namespaceURI.endsWith('xhtml')) layers.push(c);
      if (c.alpha == 1) break;
    }
    return layers.reverse().reduce((ground, c) => over(c, ground), [255, 255, 255]);
  };
  const luminance = rgb => rgb.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const dim = e => { let o = 1; for (let at = e; at; at = at.parentElement) o *= +getComputedStyle(at).opacity; return o; };
  const seen = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const e = node.parentElement;
    if (!node.textContent.trim() || e.closest('script, style, title, desc, .skip, details:not([open]) > :not(summary)')) continue;
    const drawn = e.closest('svg');
    const style = getComputedStyle(e);
    const top = colour(drawn ? style.fill : style.color);
    top.alpha *= dim(e) * (drawn ? +style.fillOpacity : 1);
    const ground = ground_of(e);
    const [light, dark] = [luminance(over(top, ground)), luminance(ground)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && +style.fontWeight >= 700) ? 3 : 4.5;
    const key = (drawn ? style.fill : style.color) + ground + needed;
    if (ratio < needed - 0.01 && !seen.has(key)) {
      seen.add(key);
      say('contrast ' + ratio.toFixed(2) + ' of "' + node.textContent.trim().slice(0, 30) + '"', name_of(e));
    }
  }
  return JSON.stringify({complaints, figures: figures.map(f => f.id),
    lede: (document.querySelector('.lede') || {textContent: ''}).textContent});
})()
"""


class Browser:
    def __init__(self, folder):
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if program is None:
            print("no chromium here: apt-get install chromium", file=sys.stderr)
            sys.exit(77)
        theirs_in, self.to = os.pipe()
        self.from_, theirs_out = os.pipe()
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--mute-audio",
                 "--force-color-profile=srgb", f"--user-data-dir={folder}", "--remote-debugging-pipe", "about:blank"]
        # It reads from descriptor 3 and writes to 4.
        shell = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self.process = subprocess.Popen(["bash", "-c", shell, "bash", program, *flags], pass_fds=(theirs_in, theirs_out),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self.buffer = b""
        self.number = 0
        self.events = []
        self.session = None

    def message(self, patience):
        end = time.monotonic() + patience
        os.set_blocking(self.from_, False)
        while b"\0" not in self.buffer:
            try:
                piece = os.read(self.from_, 1 << 20)
                if not piece:
                    raise RuntimeError("chromium has ended")
                self.buffer += piece
            except BlockingIOError:
                if time.monotonic() > end:
                    raise TimeoutError("chromium does not answer") from None
                time.sleep(0.01)
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def ask(self, method, **params):
        self.number += 1
        request = {"id": self.number, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        text = json.dumps(request).encode() + b"\0"
        while text:
            text = text[os.write(self.to, text):]
        while True:
            answer = self.message(PATIENCE)
            if answer.get("id") != self.number:
                self.events.append(answer)
                continue
            if "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']}")
            return answer["result"]

    def wait_for(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.message(PATIENCE))

    def open(self):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(domain + ".enable")

    def load(self, url, width, scheme):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=HEIGHT, deviceScaleFactor=1, mobile=False)
        self.ask("Emulation.setEmulatedMedia", media="screen", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.ask("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")

    def value(self, script):
        result = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(json.dumps(result["exceptionDetails"]))
        return result["result"].get("value")

    def picture(self, path, whole):
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"] if whole else HEIGHT, "scale": 1}
        data = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self):
        try:
            self.session = None
            self.ask("Browser.close")
            self.process.wait(30)
        except Exception:  # it is of no use any more, however it ends
            self.process.kill()
            self.process.wait()


def noise_of(events, url):
    """What the console said, and requests for anything but the page itself."""
    origin = url.split("/", 3)[2] if url.startswith("http") else None
    complaints = []
    for event in events:
        method, params = event.get("method"), event.get("params", {})
        if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            complaints.append("console: " + json.dumps(params)[:500])
        if method == "Network.requestWillBeSent":
            asked = params["request"]["url"]
            own = asked.split("#")[0] == url or asked.startswith("data:") or (origin and asked.split("/", 3)[2:3] == [origin])
            if not own:
                complaints.append("a request: " + asked[:200])
    return complaints


def printed_text(browser, path):
    path.write_bytes(base64.b64decode(browser.ask("Page.printToPDF", printBackground=True)["data"]))
    text = subprocess.run(["pdftotext", "-layout", path, "-"], check=True, capture_output=True, text=True).stdout
    return " ".join(text.split())


def main():
    page, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    widths = [int(word) for word in sys.argv[3:]] or [400, 1000, 1600]
    folder.mkdir(parents=True, exist_ok=True)
    url = page if page.startswith("http") else pathlib.Path(page).resolve().as_uri()
    complaints, screenshots, found = [], [], {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(profile)
        try:
            browser.open()
            for width in widths:
                for scheme in ("light", "dark"):
                    browser.load(url, width, scheme)
                    found = json.loads(browser.value(CHECKS))
                    here = f"{width} px, {scheme}: "
                    complaints += [here + c for c in found["complaints"] + noise_of(browser.events, url)]
                    for whole in (False, True):
                        path = folder / f"report-{width}-{scheme}{'' if whole else '-first'}.png"
                        browser.picture(path, whole)
                        screenshots.append(str(path))
            text = printed_text(browser, folder / "report.pdf")
        finally:
            browser.close()
    lede = " ".join(found["lede"].split())
    if lede and lede[:60] not in text:
        complaints.append(f"the printed page lacks the answer: {lede[:60]}")
    print(json.dumps({"complaints": complaints, "screenshots": screenshots, "figures": found["figures"], "lede": lede}, indent=1))


main()
