"""Query text to tree, by recursive descent.

``OR`` binds less than ``AND``, ``AND`` (also the silent one between two clauses) less than ``NOT``. What a
field or a value means is not known here, only how it is written.
"""

from __future__ import annotations

from hdstore.query.ast import And, Boost, Clause, Exists, Field, FieldGroup, MatchAll, Node, Not, Or
from hdstore.query.lexer import FACTOR, OPERATORS, PHRASES, WORD, has_wildcard, split_path
from hdstore.query.reader import Reader

__all__ = ["MAX_DEPTH", "parse"]

MAX_DEPTH = 50
"""How deeply parentheses and NOT may nest."""

_MAX_PARTS = 100
_RELATIONS = frozenset({"annotations", "rois", "sources"})


def parse(text: str) -> Node:
    """Returns the tree of a query; an empty one matches all.

    Raises:
        QuerySyntaxError: the text is not a query; ``position`` is where, the message says what was expected.
    """
    return _Parser(text).query()


class _Parser:
    """Reads the operators and clauses of one query."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.reader = Reader(text)
        self.depth = 0
        self.values_of: Field | None = None  # the field of the group of values around this place
        self.plus: int | None = None  # where this pair of parentheses has a +

    # Operators

    def query(self) -> Node:
        if not self.reader.skip():
            return MatchAll(0, len(self.text))
        node = self.either()
        if self.reader.pos < len(self.text):
            self.reader.fail("This ) closes nothing; write \\) for the character itself.")
        return node

    def either(self) -> Node:
        outer, self.plus = self.plus, None
        operands = [self.all()]
        while self.takes("||", "OR"):
            operands.append(self.all())
        if len(operands) > 1 and self.plus is not None:
            self.reader.fail(
                "A clause with + must hold, so it can not be one of several joined by OR; leave out the +.",
                self.plus,
            )
        self.plus = outer
        if len(operands) == 1:
            return operands[0]
        return Or(operands[0].start, operands[-1].end, tuple(operands))

    def all(self) -> Node:
        operands = [self.operand()]
        while True:
            if self.takes("&&", "AND"):
                operands.append(self.operand())
                continue
            char = self.reader.skip()
            if not char or char == ")" or self.ahead("||", "OR"):
                break
            operands.append(self.operand())
        if len(operands) == 1:
            return operands[0]
        return And(operands[0].start, operands[-1].end, tuple(operands))

    def ahead(self, sign: str, name: str) -> int:
        """Returns the length of the operator that stands here, or 0."""
        text, pos = self.text, self.reader.pos
        if text.startswith(sign, pos):
            return len(sign)
        if text.startswith(name, pos):
            found = WORD.match(text, pos)
            if found is not None and found[0] == name:
                return len(name)
        return 0

    def takes(self, sign: str, name: str) -> bool:
        self.reader.skip()
        length = self.ahead(sign, name)
        self.reader.pos += length
        return length > 0

    def operand(self) -> Node:
        """Reads one clause with what negates or demands it."""
        negations = []
        while char := self.reader.skip():
            start = self.reader.pos
            if char in "+-":
                self.sign(char)
                if char == "+":
                    self.plus = start
                    continue
            elif not self.takes("!", "NOT"):
                break
            negations.append(start)
            if self.depth + len(negations) > MAX_DEPTH:
                self.reader.fail(f"A query nests at most {MAX_DEPTH} deep.", start)
        self.depth += len(negations)
        node = self.boosted()
        self.depth -= len(negations)
        for start in reversed(negations):
            node = Not(start, node.end, node)
        return node

    def sign(self, char: str) -> None:
        """Reads a + or - before a clause."""
        following = self.text[self.reader.pos + 1 : self.reader.pos + 2]
        if not following or following.isspace():
            self.reader.fail(
                f"Expected a clause directly after {char}; write \\{char} for the character itself."
            )
        if self.values_of is not None and (following.isdigit() or following == "."):
            self.reader.fail(
                f"In {self.values_of.name}:( ) this {char} may be part of a number or an operator: write"
                f" \\{char} for the number, {'NOT' if char == '-' else 'nothing'} for the operator."
            )
        self.reader.pos += 1

    def boosted(self) -> Node:
        node = self.primary()
        if self.text.startswith("^", self.reader.pos):
            found = FACTOR.match(self.text, self.reader.pos)
            if found is None:
                self.reader.fail("Expected a number after ^, such as ^2; for the character itself write \\^.")
            self.reader.pos = found.end()
            node = Boost(node.start, self.reader.pos, node, float(found[1]))
        return node

    # Clauses

    def primary(self) -> Node:
        text = self.text
        start = self.reader.pos
        char = text[start : start + 1]
        if char == "(":
            return self.group()
        found = WORD.match(text, start)
        if found is not None and char not in "/'":
            end = found.end()
            if text.startswith(":", end) and found[0] not in OPERATORS and not text.startswith("://", end):
                return self.field_clause(found[0])
            if self.values_of is None and found[0] not in OPERATORS and not text.startswith("://", end):
                self.check_comparison(found[0])
        elif char in PHRASES:
            quoted = PHRASES[char].match(text, start)
            if quoted is not None and text.startswith(":", quoted.end()):
                self.reader.fail(
                    "A field name stands without quotes; a backslash protects special characters in it."
                )
        match = self.reader.match("a clause", comparisons=self.values_of is not None)
        return Clause(start, self.reader.pos, None, match)

    def check_comparison(self, raw: str) -> None:
        for offset, char in enumerate(raw):
            if char == "\\":
                return
            if char in "<>=":
                self.reader.fail(
                    "A comparison is written with a colon, as in meta.speed:>50; quotes protect the sign.",
                    self.reader.pos + offset,
                )

    def group(self) -> Node:
        opened = self.reader.pos
        if self.depth >= MAX_DEPTH:
            self.reader.fail(f"A query nests at most {MAX_DEPTH} deep.")
        self.depth += 1
        self.reader.pos += 1
        if self.reader.skip() == ")":
            self.reader.fail("Expected a clause between ( and ).")
        node = self.either()
        if self.reader.skip() != ")":
            self.reader.fail("This ( is never closed.", opened)
        self.reader.pos += 1
        self.depth -= 1
        return node

    def field_clause(self, raw: str) -> Node:
        start = self.reader.pos
        field = self.field(raw)
        self.reader.pos = start + len(raw) + 1
        if self.values_of is not None:
            self.reader.fail(
                f"In {self.values_of.name}:( ) stand values only, but {field.name}: begins another field;"
                " close the parentheses before it, or use quotes if it is a value.",
                start,
            )
        if raw == "*":
            if not self.text.startswith("*", self.reader.pos):
                self.reader.fail("Expected * after *: (every frame); a value is asked of one field.")
            self.reader.pos += 1
            self.reader.ends_here()
            return MatchAll(start, self.reader.pos)
        if raw == "_exists_":
            return self.exists_clause(start)
        if self.reader.skip() == "(":
            return self.field_group(field)
        match = self.reader.match(f"a value after {field.name}:", comparisons=True)
        return Clause(start, self.reader.pos, field, match)

    def field(self, raw: str) -> Field:
        start, end = self.reader.pos, self.reader.pos + len(raw)
        parts = split_path(raw)
        if len(parts) > _MAX_PARTS:
            self.reader.fail(f"A field path has at most {_MAX_PARTS} parts, this one has {len(parts)}.")
        if raw != "*":
            if has_wildcard(raw):
                self.reader.fail("A field name takes no wildcards; only *:* does, for every frame.", start)
            if "" in parts:
                self.reader.fail(
                    f"The field {raw} has an empty part; write the names with one dot between them.", start
                )
        return Field(start, end, parts)

    def exists_clause(self, start: int) -> Node:
        self.reader.skip()
        found = WORD.match(self.text, self.reader.pos)
        if found is None or found[0] in OPERATORS:
            self.reader.fail("Expected a field name after _exists_:, such as _exists_:meta.city.")
        field = self.field(found[0])
        self.reader.pos = found.end()
        self.reader.ends_here()
        return Clause(start, self.reader.pos, field, Exists(field.start, field.end))

    def field_group(self, field: Field) -> Node:
        outer = self.values_of
        relation = field.parts[0] in _RELATIONS and (
            len(field.parts) == 1 or (len(field.parts) == 2 and field.parts[1].isdigit())
        )
        self.values_of = None if relation else field
        body = self.group()
        self.values_of = outer
        return FieldGroup(field.start, self.reader.pos, field, body)
