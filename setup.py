"""Metadata of the distribution; pyproject.toml holds tool settings only."""

from setuptools import find_packages, setup

# TensorFlow 2.15 takes 2.15 only, later ones 3. Before 3.6 Keras 3 differs in what
# drawings, batch normalisation without scale and ignored pixels need; 3.6 is tested.
KERAS = "keras>=2.15," + ",".join(f"!=3.{minor}.*" for minor in range(6))
# The development server: an ASGI framework and a server for it.
SERVE = ["starlette>=0.40", "uvicorn>=0.30"]
# The images carried by this release; later ones download them.
DEMO = ["ndev-sampledata==0.0.3"]
# GeoTIFF: where an image lies on the Earth.
GEO = ["rasterio>=1.4"]
# Microscope files of other kinds; each kind needs a plug-in of its own besides.
BIO = ["bioio>=3"]
# The plug-in that tests read with: small, and for files that are made in a line.
BIO_TEST = [*BIO, "bioio-imageio>=1.3"]

setup(
    name="keras-unet-pipelines",
    version="0.2.0",
    description=(
        "U-Nets in Keras, from image files to a served mask: exact tiling, "
        "training, prediction and TensorFlow Serving exports."
    ),
    long_description=open("README.md", encoding="utf-8").read(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(include=["keras_unet*", "pipelines*"]),
    package_data={"keras_unet": ["py.typed"], "pipelines": ["py.typed", "*/*.config"]},
    python_requires=">=3.11,<3.14",
    install_requires=[
        "tensorflow>=2.15",
        KERAS,
        "numpy",
        "scipy",
        "pillow",
        "tifffile",
        "imagecodecs",
        # Its watershed thins borders for the scores of the ISBI 2012 challenge; Otsu's
        # threshold in the demo.
        "scikit-image>=0.22",
        # Zarr and OME-Zarr, of format 2 and 3.
        "zarr>=3",
        "matplotlib",
        # TensorFlow 2.21 no longer brings TensorBoard.
        "tensorboard",
        # Progress bars.
        "tqdm",
        # `segment` speaks HTTP. TensorFlow 2.15 and 2.21 bring it already.
        "requests",
        # The messages of TensorFlow Serving's API, for the warm-up requests of exports
        # and for gRPC, which it and TensorFlow bring; 30 kB. The newest one needs the
        # newest TensorFlow, so pip replaces an older one that is not named (README.md).
        "tensorflow-serving-api>=2.15",
        # Registers our objects when Keras is imported. TensorFlow brings it already.
        "wrapt",
    ],
    extras_require={
        "serve": SERVE,
        "demo": [*DEMO, *SERVE],
        "geo": GEO,
        "bio": BIO,
        "addons": [
            "tensorflow==2.15.*",
            "keras==2.15.*",
            "tensorflow-addons==0.23.*",
            # Newer ones need a newer TensorFlow.
            "tensorflow-serving-api==2.15.*",
        ],
        "test": [
            *("pytest", "pytest-xdist", "hypothesis"),
            *(*DEMO, *SERVE, *GEO, *BIO_TEST),
            # Manifests and compose file of deploy/ against their schemas, offline.
            *("kubernetes-validate", "check-jsonschema", "jsonschema"),
        ],
        "dev": ["ruff==0.17.*", "mypy==2.*"],
    },
    entry_points={"console_scripts": ["keras-unet = pipelines.cli:main"]},
    keywords="U-Net, image segmentation, microscopy, Keras, TensorFlow Serving",
    classifiers=[
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: MacOS",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Image Processing",
        "Typing :: Typed",
    ],
)
