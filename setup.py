"""What txrpyc is and needs. The version is read as text, so building never imports the package."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "txrpyc" / "version.py").read_text("utf-8"), re.MULTILINE)
if VERSION is None:
    raise SystemExit('txrpyc/version.py has no line like __version__ = "1.2.3"')

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
)
