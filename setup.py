"""What txrpyc is and needs, and how its hot modules are compiled, where they can be.

The version is read as text, so building never imports the package.

Making a wheel, as ``pip install .`` does, compiles the modules in ``COMPILED`` by mypyc if mypy and a C compiler are
there: all of them, or none. Without them the wheel is one of pure Python. An editable install stays pure, as compiled
modules would go on running beside sources that are edited. The environment variable ``TXRPYC_BUILD`` says otherwise:
with ``0`` nothing is ever compiled; with ``1`` everything is, in an editable install too, or the building fails.
"""

import atexit
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from tempfile import mkdtemp
from textwrap import shorten

from setuptools import Distribution, Extension, find_packages, setup

# What a call passes through. CONTRIBUTING.md has the rules for these modules.
COMPILED = [
    "txrpyc/blocking/call.py",
    "txrpyc/blocking/hub.py",
    "txrpyc/blocking/mailbox.py",
    "txrpyc/blocking/served_request.py",
    "txrpyc/core/access.py",
    "txrpyc/core/boxing.py",
    "txrpyc/core/brine_reader.py",
    "txrpyc/core/brine_tags.py",
    "txrpyc/core/brine_writer.py",
    "txrpyc/core/consts.py",
    "txrpyc/core/envelope.py",
    "txrpyc/core/frame.py",
    "txrpyc/core/holding.py",
    "txrpyc/core/identity.py",
    "txrpyc/core/inspection.py",
    "txrpyc/core/objects.py",
    "txrpyc/core/session.py",
    "txrpyc/core/unboxing.py",
    "txrpyc/core/usual.py",
    "txrpyc/core/verbs.py",
    "txrpyc/deferred/outflow.py",
    "txrpyc/exchange.py",
    "txrpyc/host.py",
    "txrpyc/outflow.py",
]

# The isolated environment of a build has mypy, but no Twisted; another one may have that, but not mypy's plugin for
# zope.interface, whose interfaces mypy would not understand.
MYPY_SETTINGS = """
[mypy]
follow_imports = silent
ignore_missing_imports = True
[mypy-twisted.*,zope.*,txrpyc.interfaces]
follow_imports = skip
"""

# Nor can the package itself be imported there, for the same reason.
IMPORT_ALL = """
import importlib, sys, types

sys.path.insert(0, ".")
package = sys.modules["txrpyc"] = types.ModuleType("txrpyc")
package.__path__ = ["txrpyc"]
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name.startswith("txrpyc"):
            raise
"""

HERE = Path(__file__).resolve().parent
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "txrpyc" / "version.py").read_text("utf-8"), re.MULTILINE)
if VERSION is None:
    raise SystemExit('txrpyc/version.py has no line like __version__ = "1.2.3"')

# What building leaves on its way goes here, so that nothing old in build/ gets into a wheel.
FOLDER = mkdtemp(prefix="txrpyc-build-")
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)

WISH = os.environ.get("TXRPYC_BUILD", "")
if WISH not in ("", "0", "1"):
    raise SystemExit(f"TXRPYC_BUILD is {WISH!r}, but it can only be 0, 1, or nothing at all")


def extensions() -> list[Extension]:
    """Translate the modules to C."""
    from mypyc.build import mypycify

    settings = Path(FOLDER) / "mypy.ini"
    settings.write_text(MYPY_SETTINGS, "utf-8")
    return mypycify(
        [f"--config-file={settings}", *COMPILED], group_name="txrpyc", target_dir=FOLDER, opt_level="3", debug_level="0"
    )


def built() -> list[Extension]:
    """Translate, compile and import the modules, so that ``setup`` finds them ready; raise if one of them fails."""
    made = extensions()
    attempt = Distribution({"ext_modules": made, "options": {"build": {"build_base": FOLDER}}})
    attempt.run_command("build_ext")
    # mypyc compiles some things that then cannot be imported.
    place = Path(FOLDER, "import")
    shutil.copytree(HERE / "txrpyc", place / "txrpyc", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    shutil.copytree(attempt.get_command_obj("build_ext").build_lib, place, dirs_exist_ok=True)
    names = [module.removesuffix(".py").replace("/", ".") for module in COMPILED]
    subprocess.run([sys.executable, "-c", IMPORT_ALL, *names], cwd=place, check=True)
    return made


def remove_built_in_place() -> None:
    """Remove what an editable install with TXRPYC_BUILD=1 has left here, for this version of Python."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    for module in ("txrpyc__mypyc.py", *COMPILED):
        (HERE / module).with_suffix(suffix).unlink(missing_ok=True)


def ext_modules() -> list[Extension]:
    """Give what this run of setup.py is to compile, if anything."""
    commands = set(sys.argv[1:])
    if WISH != "0" and "bdist_wheel" in commands:
        try:
            return built()
        except (Exception, SystemExit) as problem:  # mypycify exits where a module has a fault
            if WISH == "1":
                raise
            print(f"txrpyc is not compiled: {shorten(repr(problem), 200)} (TXRPYC_BUILD=1 makes this an error)")
    if WISH == "1" and commands & {"editable_wheel", "build", "build_ext", "install", "develop"}:
        return extensions()
    if "editable_wheel" in commands:
        remove_built_in_place()
    return []


setup(
    name="txrpyc",
    version=VERSION[1],
    description="RPyC, transparent remote Python objects, on Twisted",
    long_description=(HERE / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    author="the txrpyc authors",
    keywords=["rpc", "rpyc", "twisted", "remote objects"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Framework :: Twisted",
        "Intended Audience :: Developers",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Software Development :: Object Brokering",
        "Typing :: Typed",
    ],
    python_requires=">=3.10",
    install_requires=["Twisted>=23.10", "zope.interface>=5.5", "attrs>=22.2"],
    extras_require={
        "tls": ["Twisted[tls]>=23.10"],
        # What `python3 -m benchmarks` draws charts with; it installs that itself.
        "bench": ["matplotlib>=3.8"],
        "test": [
            "Twisted[tls]>=23.10",
            "build>=1.0",
            "hypothesis>=6.90",
            "mypy>=1.10",
            "mypy-zope>=1.0.5",
            "ruff>=0.6",
            "towncrier>=24.7",
        ],
    },
    # The default, but saying it makes an editable install a plain .pth file; the import hook that
    # setuptools would use instead hides twisted/plugins from twistd.
    package_dir={"": "."},
    # find_packages() does not see twisted.plugins, which must not have an __init__.py.
    packages=[*find_packages(include=["txrpyc", "txrpyc.*"]), "twisted.plugins"],
    package_data={"txrpyc": ["py.typed"]},
    zip_safe=False,
    ext_modules=ext_modules(),
    options={"build": {"build_base": FOLDER}},
)
