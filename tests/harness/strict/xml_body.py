"""XML documents against botocore's shapes: the bodies of Query and restXml."""

import xml.etree.ElementTree as ElementTree

from . import scalars


def parse(body, path):
    """The root element of `body` and what is wrong with its text: `(root, violations)`."""
    try:
        return ElementTree.fromstring(body), []
    except ElementTree.ParseError as error:
        return None, [f"{path}: not XML: {error}: {body[:200]!r}"]


def tag(element):
    """The element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def namespace(element):
    """The element's namespace, or an empty text."""
    return element.tag[1:].partition("}")[0] if element.tag.startswith("{") else ""


def check(shape, element, path):
    """Yields the violations of `element` against `shape`; flattened lists and maps are their parent's."""
    kind = shape.type_name
    if kind == "structure":
        yield from check_structure(shape, element, path)
    elif kind == "list":
        yield from check_list(shape, element, path)
    elif kind == "map":
        for entry in element:
            if tag(entry) == "entry":
                yield from check_entry(shape, entry, f"{path}.entry")
            else:
                yield f"{path}: <{tag(entry)}> in a map"
    elif len(element):
        yield f"{path}: elements where a {kind} is due"
    else:
        yield from scalars.check_text(shape, element.text or "", path, "iso8601")


def check_list(shape, element, path):
    element_name = shape.member.serialization.get("name", "member")
    for index, child in enumerate(element):
        if tag(child) == element_name:
            yield from check(shape.member, child, f"{path}[{index}]")
        else:
            yield f"{path}: <{tag(child)}> in a list of <{element_name}>"


def check_entry(shape, entry, path):
    """One entry of a map: exactly one key and one value."""
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    if sorted(tag(child) for child in entry) != sorted([key_name, value_name]):
        yield f"{path}: {[tag(child) for child in entry]} where one <{key_name}> and one <{value_name}> are due"
        return
    for child in entry:
        yield from check(shape.key if tag(child) == key_name else shape.value, child, f"{path}.{tag(child)}")


def check_structure(shape, element, path, members=None):
    """`members` narrows the structure to those that travel in the body (all, if not given)."""
    members = shape.members if members is None else members
    attributes = {name: member for name, member in members.items() if member.serialization.get("xmlAttribute")}
    elements = {wire_name(name, member): (name, member) for name, member in members.items() if name not in attributes}
    yield from check_attributes(attributes, element, path)
    if (element.text or "").strip():
        yield f"{path}: text {element.text.strip()!r} in a structure"

    found = {}
    for child in element:
        found.setdefault(tag(child), []).append(child)
    for element_name, (name, _) in elements.items():
        if name in shape.required_members and element_name not in found and not is_flattened(members[name]):
            yield f"{path}: required member <{element_name}> is missing"
    for element_name, children in found.items():
        if element_name not in elements:
            yield f"{path}: unknown element <{element_name}>"
            continue
        member = elements[element_name][1]
        child_path = f"{path}.{element_name}"
        if is_flattened(member):
            for index, child in enumerate(children):
                if member.type_name == "map":
                    yield from check_entry(member, child, f"{child_path}[{index}]")
                else:
                    yield from check(member.member, child, f"{child_path}[{index}]")
        else:
            if len(children) > 1:
                yield f"{child_path}: stands {len(children)} times, is no flattened list"
            yield from check(member, children[0], child_path)


def check_attributes(attributes, element, path):
    by_local_name = {member.serialization["name"].rpartition(":")[2]: member for member in attributes.values()}
    for key, text in element.attrib.items():
        local_name = key.rpartition("}")[2]
        if local_name in by_local_name:
            yield from scalars.check_text(by_local_name[local_name], text, f"{path}@{local_name}", "iso8601")
        else:
            yield f"{path}: unknown attribute {local_name!r}"


def wire_name(name, member):
    """The element name of a member. That of a flattened list may stand with the list's element."""
    if is_flattened(member) and member.type_name == "list":
        element_name = member.member.serialization.get("name")
        if element_name is not None:
            return element_name
    return member.serialization.get("name", name)


def is_flattened(member):
    return bool(member.type_name in ("list", "map") and member.serialization.get("flattened"))
