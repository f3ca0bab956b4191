"""What camera data say about the light, and what they may no longer say about the orientation."""

from xml.etree import ElementTree

import pytest
from PIL import Image

from gdp_desktop.image.metadata import light_gathered, xmp_of

from .handmade import exif_block


def test_light_follows_time_and_speed_and_the_area_of_the_aperture() -> None:
    exif = exif_block(details={0x829A: 0.02, 0x829D: 4.0, 0x8827: 800})
    assert light_gathered(exif) == pytest.approx(0.02 * 800 / 4**2)


@pytest.mark.parametrize("said", [
    b"tiff:Orientation='6'", b'tiff:Orientation = "6"', b"<tiff:Orientation>6</tiff:Orientation>",
])
def test_xmp_says_upright_however_it_is_written(said: bytes) -> None:
    image = Image.new("L", (1, 1))
    image.info["xmp"] = said
    assert xmp_of(image) == said.replace(b"6", b"1")


OF_A_PHONE = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"
 xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"
 xmlns:Container="http://ns.google.com/photos/1.0/container/"
 xmlns:Item="http://ns.google.com/photos/1.0/container/item/"
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 hdrgm:Version="1.0" GCamera:MotionPhoto='1' tiff:ImageWidth="4000" tiff:Make="Phone"
 hdrgm:GainMapMax="2.3">
<tiff:ImageLength>3000</tiff:ImageLength>
<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource">
<Container:Item Item:Semantic="Primary"/></rdf:li><rdf:li rdf:parseType="Resource">
<Container:Item Item:Semantic="GainMap" Item:Length="9"/></rdf:li></rdf:Seq></Container:Directory>
<GCamera:MotionPhotoVersion>1</GCamera:MotionPhotoVersion>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">The sea</rdf:li></rdf:Alt></dc:title>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def test_xmp_says_nothing_of_sizes_and_of_what_followed_the_pixels() -> None:
    image = Image.new("L", (1, 1))
    image.info["xmp"] = OF_A_PHONE
    kept = xmp_of(image)
    assert kept is not None
    description = ElementTree.fromstring(kept)[0][0]  # noqa: S314  our own words
    said = {name.rpartition("}")[2] for name in description.attrib}
    assert said == {"about", "Make"}
    assert [element.tag.rpartition("}")[2] for element in description] == ["title"]
    assert b"The sea" in kept


@pytest.mark.parametrize("said", [
    b" " * 1_000_000, b"<hdrgm:Version>" * 70_000, b"<hdrgm:Version " * 70_000,
    b" hdrgm:Version='" * 70_000, b"<Container:Directory>" + b"<hdrgm:Version>" * 70_000,
])
def test_a_long_or_damaged_packet_is_read_once(said: bytes) -> None:
    """What is looked at again from every place would take minutes."""
    image = Image.new("L", (1, 1))
    image.info["xmp"] = b"<dc:title>The sea</dc:title>" + said
    kept = xmp_of(image)
    assert kept is not None and kept.startswith(b"<dc:title>The sea</dc:title>")
