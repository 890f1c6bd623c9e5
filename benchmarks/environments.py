"""Virtual environments, one for each peer, below ``benchmarks/.environments``: made when first needed.

Those of txrpyc hold an ordinary installation of a copy of this checkout, made again when the sources have changed:
"pure" with TXRPYC_BUILD=0, "built" with TXRPYC_BUILD=1, that is, compiled where that is possible.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.processes import Failed, clean_environment

__all__ = ["CHECKOUT", "DISTRIBUTIONS", "FORMS", "REQUIREMENTS", "Environments"]

CHECKOUT = Path(__file__).resolve().parent.parent
FOLDER = CHECKOUT / "benchmarks" / ".environments"

FORMS = {"pure": "0", "built": "1"}
"""The forms of txrpyc, and TXRPYC_BUILD for each."""

REQUIREMENTS = {
    "rpyc": "rpyc==6.0.2",
    "pyro": "Pyro5>=5.15",
    "twisted": "Twisted>=23.10",
    "charts": "matplotlib>=3.8",  # the extra `bench` of setup.py says the same
}
DISTRIBUTIONS = {"rpyc": "rpyc", "pyro": "Pyro5", "twisted": "Twisted", "pure": "txrpyc", "built": "txrpyc"}
"""Whose version matters, by environment."""

_COPIED = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "txrpyc", "twisted")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.py[cod]", "*.so", "*.pyd", "dropin.cache")
_NO_SOURCES = {".pyc", ".pyo", ".so", ".pyd", ".cache"}
_ASK_COMPILED = """
import pathlib, txrpyc
print(any(True for kind in ("so", "pyd") for _ in pathlib.Path(txrpyc.__file__).parent.rglob(f"*.{kind}")))
"""
_ASK_VERSION = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"


class Environments:
    """Gives the interpreter of each environment.

    Args:
        given: interpreters to use instead of making environments, by name.
        folder: where the environments are.
    """

    def __init__(self, given: Mapping[str, str] | None = None, folder: Path = FOLDER) -> None:
        self._ready: dict[str, str] = {"plain": sys.executable, **(given or {})}
        self._missing: dict[str, str] = {}
        self._folder = folder

    def python_of(self, name: str) -> str:
        """Give the path of an environment's interpreter, making the environment where needed.

        Raises:
            Failed: it cannot be made, or is not what it should be; says why.
        """
        if name not in self._ready and name not in self._missing:
            try:
                self._ready[name] = self._make(name)
                self._check_form(name)
            except Failed as error:
                self._missing[name] = str(error)
        if name in self._missing:
            raise Failed(self._missing[name])
        return self._ready[name]

    def version_of(self, name: str) -> str:
        """Give the version of what an environment is for."""
        command = [self.python_of(name), "-c", _ASK_VERSION, DISTRIBUTIONS[name]]
        return _run("asking for the version", command)

    def _make(self, name: str) -> str:
        home = self._folder / name
        python, stamp = home / "bin" / "python", home / "ready"
        wanted = json.dumps([sys.version, REQUIREMENTS.get(name) or _fingerprint(CHECKOUT)])
        self._folder.mkdir(parents=True, exist_ok=True)
        with open(self._folder / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if stamp.exists() and stamp.read_text() == wanted and python.exists():
                return str(python)
            print(f"installing the environment {name!r} ...", file=sys.stderr, flush=True)
            stamp.unlink(missing_ok=True)
            if name in FORMS:
                fingerprint = self._install_checkout(home, FORMS[name])
                stamp.write_text(json.dumps([sys.version, fingerprint]))
            else:
                _new_environment(home)
                _run("pip install", [str(python), "-m", "pip", "install", "--quiet", REQUIREMENTS[name]])
                stamp.write_text(wanted)
        return str(python)

    def _install_checkout(self, home: Path, build: str) -> str:
        """Install a copy: building in the checkout would leave things there, and take up what others left.

        Returns:
            The fingerprint of the copy, as the checkout may change meanwhile.
        """
        python, copy, made_by = str(home / "bin" / "python"), home / "source", home / "python-version"
        if made_by.exists() and made_by.read_text() == sys.version and Path(python).exists():
            _run("pip uninstall", [python, "-m", "pip", "uninstall", "--quiet", "--yes", "txrpyc"])
            shutil.rmtree(copy, ignore_errors=True)
        else:
            _new_environment(home)
            made_by.write_text(sys.version)
        copy.mkdir()
        for name in _COPIED:
            source = CHECKOUT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=_LEFT_OUT)
            elif source.exists():
                shutil.copy(source, copy / name)
        fingerprint = _fingerprint(copy)
        _run("pip install", [python, "-m", "pip", "install", "--quiet", str(copy)], TXRPYC_BUILD=build)
        shutil.rmtree(copy)
        return fingerprint

    def _check_form(self, name: str) -> None:
        if name not in FORMS:
            return
        compiled = _run("import txrpyc", [self._ready[name], "-c", _ASK_COMPILED], cwd=self._folder) == "True"
        if compiled and name == "pure":
            raise Failed("the pure installation has compiled modules")
        if not compiled and name == "built":
            raise Failed("there are no compiled modules after the installation")


def _new_environment(home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    _run("making a virtual environment", [sys.executable, "-m", "venv", str(home)])


def _run(what: str, command: list[str], cwd: Path | None = None, **extra: str) -> str:
    """Run a command; give what it printed. Raises `Failed` with the last line of what it complained about."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=clean_environment(PIP_DISABLE_PIP_VERSION_CHECK="1", **extra),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise Failed(f"{what}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}").splitlines()[-1]
        raise Failed(f"{what}: {said}")
    return done.stdout.strip()


def _sources(root: Path) -> Iterator[Path]:
    for name in ("setup.py", "pyproject.toml"):
        yield root / name
    for folder in ("txrpyc", "twisted"):
        paths = sorted((root / folder).rglob("*"))
        yield from (path for path in paths if path.is_file() and path.suffix not in _NO_SOURCES)


def _fingerprint(root: Path) -> str:
    """Tell one state of the sources from another."""
    digest = hashlib.sha256()
    for path in _sources(root):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
