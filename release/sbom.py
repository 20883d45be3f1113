"""The bill of materials of an image, as CycloneDX 1.6 in JSON, and the list of its licences. Pure.

The same image gives the same bytes: its serial number comes of the image's digest, its time is the
image's own.
"""

import uuid
from collections.abc import Mapping, Sequence

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence
from cyclonedx.model.license import License, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from release.image import Image
from release.packages import Package, packages

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "serving.bastaix.dev")


def bill(image: Image, name: str, version: str, properties: Mapping[str, str]) -> str:
    """CycloneDX of an image called `name`; `properties` say what else is known of it."""
    held = packages(image.files)
    root = Component(
        type=ComponentType.CONTAINER,
        name=name,
        version=version,
        bom_ref=name,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=image.digest.removeprefix("sha256:"))],
        properties=[Property(name=key, value=value) for key, value in properties.items()],
    )
    components = [_component(package) for package in held]
    bom = Bom(
        serial_number=uuid.uuid5(NAMESPACE, f"{name}@{image.digest}"),
        metadata=BomMetaData(component=root, timestamp=image.created),
        components=components,
    )
    bom.register_dependency(root, components)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def licences(image: Image) -> str:
    """One line a package: name, version, licences as the package names them."""
    return "".join(
        f"{package.name}\t{package.version}\t{', '.join(package.licences) or 'not named'}\n"
        for package in packages(image.files)
    )


def _component(package: Package) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        bom_ref=package.purl,
        purl=PackageURL.from_string(package.purl),
        licenses=_licences(package.licences),
        evidence=ComponentEvidence(
            # References of one's own: the library would draw random ones.
            occurrences=[
                Occurrence(bom_ref=f"{package.purl}#{place}", location=place)
                for place in package.found
            ]
        ),
    )


def _licences(named: Sequence[str]) -> list[License]:
    factory = LicenseFactory()
    made = [factory.make_from_string(name) for name in named]
    if len(made) > 1 and any(isinstance(licence, LicenseExpression) for licence in made):
        return [factory.make_with_name(name) for name in named]  # an expression stands alone
    return made
