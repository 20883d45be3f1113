"""The images that the cluster runs, named by what goes into them.

An image's tag is a digest of its Dockerfile, of the files that this copies and of the base it
starts from; an image that containerd holds under that name is never made again. How one is made:
`builder`.
"""

import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cluster import builder, paths, programs
from cluster.builder import DOCKERFILES, ImageError
from cluster.locks import lock
from cluster.progress import Progress

ROOT = paths.SOURCES.parent
GB = 10**9


@dataclass(frozen=True)
class Image:
    name: str
    dockerfile: Path
    sources: tuple[Path, ...] = ()  # files and folders that it copies
    program: str = ""  # instead: the one program that it consists of
    room: int = 2 * GB  # free disk that making it takes for a while
    root: Path = ROOT

    def context(self) -> Path:
        return programs.path(self.program).parent if self.program else self.root

    def key(self) -> str:
        parts = [self.dockerfile.read_bytes()]
        if self.program:
            parts.append(programs.path(self.program).read_bytes())
        else:
            parts.append(builder.base_key().encode())
        for file in sorted(_files(self.sources)):
            parts += [str(file.relative_to(self.root)).encode(), file.read_bytes()]
        return builder.digest(*parts)


def _files(sources: tuple[Path, ...]) -> Iterator[Path]:
    for source in sources:
        if source.is_dir():
            yield from (
                path
                for path in source.rglob("*")
                if path.is_file() and "__pycache__" not in path.parts
            )
        else:
            yield source


def _static(program: str) -> Image:
    return Image(program, DOCKERFILES / program / "Dockerfile", program=program)


def copies(dockerfile: Path) -> list[str]:
    """What a Dockerfile copies from its context, in paths relative to that."""
    lines = re.sub(r"\\\n", " ", dockerfile.read_text()).splitlines()
    words = [line.split() for line in lines if line.startswith("COPY ")]
    return [word for line in words for word in line[1:-1] if not word.startswith("--")]


def _from_base(name: str, dockerfile: str, root: Path = ROOT, room: int = 2 * GB) -> Image:
    sources = tuple(root / copied for copied in copies(root / dockerfile))
    return Image(name, root / dockerfile, sources, room=room, root=root)


def operator(name: str = "operator", root: Path = ROOT) -> Image:
    """The image of Bastaix itself, from a checkout of any version of it."""
    return _from_base(name, "operator/Dockerfile", root)


IMAGES = {
    image.name: image
    for image in (
        _static("pause"),
        _static("coredns"),
        _static("kuberay"),
        Image("githost", DOCKERFILES / "githost/Dockerfile", (DOCKERFILES / "githost",)),
        operator(),
        _from_base("ray", "serve_apps/Dockerfile", room=18 * GB),
    )
}


def ensure(*names: str, progress: Progress | None = None) -> dict[str, str]:
    """Make and import what containerd lacks, side by side; all of them where none is named."""
    if unknown := sorted(set(names) - set(IMAGES)):
        raise ImageError(f"no image is called {', '.join(unknown)}; there are {', '.join(IMAGES)}")
    return ensure_images(*map(IMAGES.__getitem__, names or IMAGES), progress=progress)


def ensure_images(*wanted: Image, progress: Progress | None = None) -> dict[str, str]:
    """The same for images of the caller's own."""
    keys = {image: image.key() for image in wanted}
    references = {image.name: builder.reference(image.name, key) for image, key in keys.items()}
    complete = builder.complete()
    say = progress or Progress()
    with ThreadPoolExecutor() as pool:
        for made in [
            pool.submit(_make, image, key, say)
            for image, key in keys.items()
            if references[image.name] not in complete
        ]:
            made.result()
    return references


def _make(image: Image, key: str, progress: Progress) -> None:
    with lock(f"image-{image.name}"):
        if builder.reference(image.name, key) in builder.complete():
            return  # another run has made it meanwhile
        _require_room(image)
        builder.make(
            image.name,
            key,
            dockerfile=image.dockerfile,
            context=image.context(),
            from_base=not image.program,
            progress=progress,
        )


def _require_room(image: Image) -> None:
    free = shutil.disk_usage(paths.CACHE).free
    if free < image.room:
        raise ImageError(
            f"image {image.name}: making it takes {image.room // GB} GB of disk for a while, and "
            f"{paths.CACHE} has {free / GB:.1f} GB free; free some, or set BASTAIX_CACHE to a "
            "folder on another disk"
        )
