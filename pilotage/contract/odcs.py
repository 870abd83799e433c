"""Data contracts read from files of the Open Data Contract Standard (ODCS), version 3.

Each schema object of a file declares one event type: its properties are the fields of the event's data. What the standard
says about storage, quality rules, service levels and teams is left to the tools that use it. What it says about values is
enforced; the few constraints that cannot be (they are listed in `ContractFile.notes`) are named with their place, so that
nobody believes in a check that does not happen.
"""

import re
from datetime import date, datetime

import msgspec

from pilotage.contract.document import DocumentBroken, Fault, Reader, plain, suggestion
from pilotage.contract.model import Contract, FieldSpec
from pilotage.contract.tree import Items, Scalar, Tree
from pilotage.contract.validate import ContractImpossible, validator
from pilotage.event.time import instant_us

_FIELDS_MAX = 5_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DOCUMENT = _words(
    "version kind apiVersion id name tenant tags status servers dataProduct description domain schema support price team roles "
    "slaDefaultElement slaProperties authoritativeDefinitions customProperties contractCreatedTs"
)
_ELEMENT = _words("id name physicalType description businessName authoritativeDefinitions tags customProperties")
_OBJECT = _ELEMENT | _words("logicalType physicalName dataGranularityDescription properties relationships quality")
_PROPERTY = _ELEMENT | _words(
    "primaryKey primaryKeyPosition logicalType logicalTypeOptions physicalName required unique partitioned partitionKeyPosition "
    "classification encryptedName transformSourceObjects transformLogic transformDescription examples criticalDataElement "
    "relationships quality properties items"
)
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_OPTIONS = {
    "string": frozenset(("minLength", "maxLength", "pattern", "format")),
    "integer": frozenset((*_BOUNDS, "multipleOf", "format")),
    "number": frozenset((*_BOUNDS, "multipleOf", "format")),
    "boolean": frozenset[str](),
    "date": frozenset((*_BOUNDS, "format")),
    "timestamp": frozenset((*_BOUNDS, "format", "timezone", "defaultTimezone")),
    "time": frozenset((*_BOUNDS, "format", "timezone", "defaultTimezone")),
    "object": frozenset(("minProperties", "maxProperties", "required")),
    "array": frozenset(("minItems", "maxItems", "uniqueItems")),
}
_ENFORCED = frozenset((*_BOUNDS, "minLength", "maxLength", "pattern", "minItems", "maxItems", "minProperties", "maxProperties", "required"))
_LENGTHS = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems"), "object": ("minProperties", "maxProperties")}
_INTEGER_FORMATS = {f"{sign}{bits}": (sign, bits) for sign in "iu" for bits in (8, 16, 32, 64, 128)}
_ISO_FORMATS = ("yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm:ssXXX", "yyyy-MM-dd'T'HH:mm:ssZ", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX")
_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?$"
_STRING_FORMATS = {
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "uuid": r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$",
    "ipv4": r"^((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(\.(?!$)|$)){4}$",
}
_FORMATS = {
    "string": frozenset(_STRING_FORMATS),
    "integer": frozenset(_INTEGER_FORMATS),
    "date": frozenset(_ISO_FORMATS),
    "timestamp": frozenset(_ISO_FORMATS),
}


class ContractFile(msgspec.Struct, frozen=True):
    """What one ODCS document declares.

    `segment_names` maps a Segment event name (`Order Completed`) to the event type that a schema object gave it by the
    custom property `segmentEvent`. `notes` are the constraints that are not enforced, each with its place.
    """

    id: str
    version: str
    status: str
    contracts: tuple[Contract, ...]
    segment_names: dict[str, str]
    notes: tuple[Fault, ...] = ()


def read_odcs(text: str, path: str) -> ContractFile:
    """Read an ODCS v3 document; `path` is for messages. `DocumentBroken` lists every mistake with file, line and column."""
    return _File(path).read(text)


class _File(Reader):
    """One document being read: faults stop the load, notes do not."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.notes: list[Fault] = []
        self.fields = 0

    def note(self, node: Tree, message: str) -> None:
        self.notes.append(Fault(self.path, *node.place, message, "this constraint is not enforced"))

    def read(self, text: str) -> ContractFile:
        root = self.root(text)
        members = self.members(root, _DOCUMENT)
        if self.needed(members, "kind", root) not in ("", "DataContract"):
            self.fault(members["kind"], "not a data contract", "write `kind: DataContract`")
        api = self.needed(members, "apiVersion", root)
        if api and not api.startswith("v3."):
            self.fault(members["apiVersion"], f"version {api} of the standard cannot be read", "migrate the file to v3.0 or later")
        identity, version, status = (self.needed(members, key, root) for key in ("id", "version", "status"))
        contracts: dict[str, Contract] = {}
        segment_names: dict[str, str] = {}
        for node in self.items(members.get("schema")):
            self.event_type(node, version, status, contracts, segment_names)
        self.finish()
        return ContractFile(identity, version, status, tuple(contracts.values()), segment_names, tuple(self.notes))

    def event_type(self, node: Tree, version: str, status: str, into: dict[str, Contract], segment_names: dict[str, str]) -> None:
        """Read one schema object as the contract of an event type."""
        members = self.members(node, _OBJECT)
        if not members:
            return
        custom = self.custom(members.get("customProperties"))
        name = self.text(custom.get("eventType")) or self.text(members.get("name")) or self.text(members.get("physicalName"))
        if not name:
            self.fault(node, "the schema object has no name", "add `name:` with the event type")
            return
        if name in into:
            self.fault(node, f"the event type {name!r} is declared twice", "merge the two or rename one")
            return
        for segment in self.texts(custom.get("segmentEvent")):
            if segment in segment_names:
                self.fault(custom["segmentEvent"], f"the Segment event {segment!r} is mapped twice", "keep one mapping")
            segment_names[segment] = name
        fields = self.properties(members.get("properties"), ())
        contract = Contract(name, version, fields, self.flag(custom.get("open")), status)
        into[name] = contract
        if not self.faults:
            self.prove(contract, node)

    def prove(self, contract: Contract, node: Tree) -> None:
        """Compile the contract once, so that a pattern or bound nobody can meet is found here and not at intake."""
        try:
            validator(contract)
        except ContractImpossible as error:
            self.fault(node, f"{error.path}: {error.reason}", "correct the property")

    def custom(self, node: Tree | None) -> dict[str, Tree]:
        """Custom properties by name."""
        found: dict[str, Tree] = {}
        for item in self.items(node):
            members = self.members(item)
            name = self.needed(members, "property", item)
            if name and "value" in members:
                found[name] = members["value"]
        return found

    def texts(self, node: Tree | None) -> list[str]:
        """One text or a list of them."""
        if isinstance(node, Items):
            return [self.text(item) for item in node.items]
        return [self.text(node)] if node is not None else []

    def properties(self, node: Tree | None, required: tuple[str, ...]) -> tuple[FieldSpec, ...]:
        """The fields of an object; those named in `required` are required even if they do not say so themselves."""
        fields: dict[str, FieldSpec] = {}
        for item in self.items(node):
            members = self.members(item, _PROPERTY)
            name = self.needed(members, "name", item) if members else ""
            if not name:
                continue
            if name in fields:
                self.fault(item, f"the property {name!r} is declared twice", "keep one")
            fields[name] = self.property(item, members, name, name in required)
        for name in required:
            if fields and name not in fields:
                assert node is not None, "there are fields"
                self.fault(node, f"the required property {name!r} is not declared", suggestion(name, fields))
        return tuple(fields.values())

    def property(self, node: Tree, members: dict[str, Tree], name: str, required: bool = False) -> FieldSpec:
        """Read one property, with what is nested in it."""
        self.fields += 1
        if self.fields > _FIELDS_MAX:
            self.fault(node, f"more than {_FIELDS_MAX} properties are declared", "split the event type")
            raise DocumentBroken(self.faults)
        logical = self.needed(members, "logicalType", node)
        options = self.options(members.get("logicalTypeOptions"), logical)
        spec = FieldSpec(
            name=name,
            kind="string" if logical == "time" else logical,
            required=self.flag(members.get("required")) or required,
            fields=self.nested(node, members, logical, options),
            items=self.element(members, logical),
            enum=tuple(self.texts(self.custom(members.get("customProperties")).get("enum"))),
            classification=self.text(members.get("classification")),
        )
        if not logical:
            return spec
        if logical not in _OPTIONS:
            self.fault(members["logicalType"], f"{logical!r} is no logical type", suggestion(logical, _OPTIONS))
            return spec
        return self.constrained(spec, logical, options)

    def nested(self, node: Tree, members: dict[str, Tree], logical: str, options: dict[str, Tree]) -> tuple[FieldSpec, ...]:
        if logical != "object":
            if "properties" in members:
                self.fault(node, f"a property of type {logical!r} cannot have properties", "make it `logicalType: object`")
            return ()
        required = tuple(self.texts(options.get("required")))
        fields = self.properties(members.get("properties"), required)
        if required and not fields:
            self.note(options["required"], f"{', '.join(required)} required of an object without declared properties")
        return fields

    def element(self, members: dict[str, Tree], logical: str) -> FieldSpec | None:
        items = members.get("items")
        if items is None:
            return None
        if logical != "array":
            self.fault(items, f"a property of type {logical!r} cannot have items", "make it `logicalType: array`")
            return None
        inner = self.members(items, _PROPERTY)
        return self.property(items, inner, self.text(inner.get("name")))

    def options(self, node: Tree | None, logical: str) -> dict[str, Tree]:
        """The logical type options, unenforced ones noted."""
        options = self.members(node, _OPTIONS.get(logical))
        for name, value in options.items():
            if name not in _ENFORCED and not self.harmless(logical, name, value):
                self.note(value, f"{name}: {self.text(value) if isinstance(value, Scalar) else '…'}")
        return options

    def harmless(self, logical: str, name: str, node: Tree) -> bool:
        """Whether an option asks for nothing more than what is done anyway."""
        text = node.text if isinstance(node, Scalar) else ""
        if name == "format":
            return text in _FORMATS.get(logical, ())
        return (name, text) in (("timezone", "true"), ("uniqueItems", "false"))

    def constrained(self, spec: FieldSpec, logical: str, options: dict[str, Tree]) -> FieldSpec:
        """The field with the constraints of its options."""
        changes: dict[str, object] = {}
        if logical in _LENGTHS:
            low, high = _LENGTHS[logical]
            changes |= {"length_min": self.count(options.get(low)), "length_max": self.count(options.get(high))}
        if logical in ("string", "time"):
            changes["pattern"] = self.pattern(logical, options)
        if logical in ("integer", "number", "date", "timestamp"):
            names = ("minimum", "maximum", "exclusive_minimum", "exclusive_maximum")
            changes |= {name: self.bound(options.get(option), logical) for name, option in zip(names, _BOUNDS, strict=True)}
        if logical == "integer" and "format" in options:
            changes |= _integer_range(self.text(options["format"]), changes)
        if logical == "time":
            for name in _BOUNDS:
                if name in options:
                    self.note(options[name], f"{name} of a time of day")
        return msgspec.structs.replace(spec, **changes)

    def pattern(self, logical: str, options: dict[str, Tree]) -> str:
        if logical == "time":
            return _TIME
        node = options.get("pattern")
        if node is None:
            return _STRING_FORMATS.get(self.text(options.get("format")), "")
        pattern = self.text(node)
        try:
            re.compile(pattern)
        except re.error as error:
            self.fault(node, f"the pattern is no regular expression: {error}", "correct it")
        return pattern

    def bound(self, node: Tree | None, logical: str) -> float | None:
        """A bound in the measure the validator compares in: the number, days since 1970 or microseconds since 1970 UTC."""
        if node is None or logical in ("integer", "number"):
            return self.number(node)
        try:
            if logical == "date":
                return float(date.fromisoformat(str(plain(node))).toordinal() - _EPOCH_DAY)
            return float(instant_us(datetime.fromisoformat(str(plain(node)))))
        except ValueError:
            self.fault(node, f"not a {logical}", "write it as ISO 8601, such as 2024-01-31 or 2024-01-31T09:00:00Z")
            return None


def _integer_range(name: str, bounds: dict[str, object]) -> dict[str, object]:
    """The bounds an integer format such as `i32` implies, where the contract gives none itself."""
    if name not in _INTEGER_FORMATS:
        return {}
    sign, bits = _INTEGER_FORMATS[name]
    low, high = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if sign == "i" else (0.0, 2.0**bits - 1)
    implied: dict[str, object] = {}
    if bounds["minimum"] is None and bounds["exclusive_minimum"] is None and (bits < 64 or sign == "u"):
        implied["minimum"] = low
    if bounds["maximum"] is None and bounds["exclusive_maximum"] is None and bits < 64:
        implied["maximum"] = high
    return implied
