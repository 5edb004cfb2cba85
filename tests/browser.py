"""A real browser, spoken to over the pipe of its DevTools protocol: nothing to install but a Chromium."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "chrome-headless-shell")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--mute-audio",
    "--autoplay-policy=no-user-gesture-required", "--disable-background-networking", "--disable-component-update",
    "--force-color-profile=srgb", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
PATIENCE = 60.0


def find() -> str | None:
    """A Chromium of this machine: what AVSYNC_CHROMIUM names, else one on the path."""
    return os.environ.get("AVSYNC_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One process of Chromium, with a profile of its own, gone at the end of the block."""

    def __init__(self, program: str):
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        reads, self._to = os.pipe()
        self._from, writes = os.pipe()
        # high numbers first: one of them may be 3 or 4, which are what Chromium wants
        given = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (reads, writes)]

        def place() -> None:
            os.dup2(given[0], 3)
            os.dup2(given[1], 4)

        command = [program, *FLAGS, f"--user-data-dir={self._profile.name}", "about:blank"]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(
            command, stdin=quiet, stdout=quiet, stderr=quiet, preexec_fn=place, pass_fds=(3, 4)
        )
        for fd in (reads, writes, *given):
            os.close(fd)
        self._left, self._count, self.events = b"", 0, []  # type: ignore[var-annotated]

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: Any) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._to)
        os.close(self._from)
        self._profile.cleanup()

    def send(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Ask, and wait for the answer; events on the way are kept."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": parameters}
        message |= {"sessionId": session} if session else {}
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._to, data) :]
        until = time.monotonic() + PATIENCE
        while (answer := self._read(until)).get("id") != self._count:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _read(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._from], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError(f"the browser said nothing for {PATIENCE:.0f} s")
            more = os.read(self._from, 1 << 20)
            if not more:
                raise RuntimeError(f"the browser went away with status {self._process.wait(5)}")
            self._left += more
        message, self._left = self._left.split(b"\0", 1)
        return json.loads(message)

    def page(self, width: int = 1280, height: int = 900, **features: str) -> Page:
        """A new page; ``features`` are media features with ``_`` for ``-``, such as prefers_color_scheme="dark"."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            page.send(f"{domain}.enable")
        page.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        told = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        page.send("Emulation.setEmulatedMedia", features=told)
        return page


class Page:
    """One page."""

    def __init__(self, browser: Browser, session: str):
        self._browser, self._session = browser, session

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """As of the browser."""
        return self._browser.send(method, self._session, **parameters)

    def events(self, *methods: str) -> list[dict[str, Any]]:
        """What the page has said so far."""
        self.evaluate("0")
        mine = [event for event in self._browser.events if event.get("sessionId") == self._session]
        return [event["params"] for event in mine if event["method"] in methods]

    def open(self, path: Path) -> None:
        """Load a file and wait until it says it is ready."""
        self.send("Page.navigate", url=path.resolve().as_uri())
        self.wait("document.readyState === 'complete' && document.body.dataset.ready")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression; promises are waited for."""
        found = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"].get("exception", {}).get("description", found))
        return found["result"].get("value")

    def wait(self, expression: str, seconds: float = 20.0) -> Any:
        """Ask until it is true."""
        until = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            if time.monotonic() > until:
                raise TimeoutError(f"not within {seconds:.0f} s: {expression}")
            time.sleep(0.05)
        return value

    def press(self, key: str, code: int, **more: Any) -> None:
        """A key, down and up."""
        text = {"text": key} if len(key) == 1 else {}
        for kind in ("keyDown", "keyUp"):
            given = text if kind == "keyDown" else {}
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **given, **more
            )

    def drag(self, *points: tuple[float, float]) -> None:
        """Press at the first point, move over the others, let go at the last; one point is a click."""
        for kind, (x, y) in (("mousePressed", points[0]), *(("mouseMoved", p) for p in points[1:]),
                             ("mouseReleased", points[-1])):  # fmt: skip
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def screenshot(self, path: Path | None = None, full: bool = True) -> bytes:
        """PNG."""
        taken = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=full)
        data = base64.b64decode(taken["data"])
        if path is not None:
            path.write_bytes(data)
        return data
