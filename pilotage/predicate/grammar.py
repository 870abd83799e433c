"""The grammar of conditions: sqlglot's tokens and syntax tree, with a dialect cut down to what the language has.

The stock SQL grammar accepts far more than a condition may say, tries alternatives and backtracks (nested brackets can
exhaust it), and forgets most positions. This dialect reads one boolean or scalar expression in one pass without looking
back, within bounds on length and depth, and every node it makes knows the stretch of text it stands for.
"""

import re
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, TypeVar

from sqlglot import Token, TokenType, exp, parser, tokens
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import TokenError

from pilotage.predicate.error import PredicateError
from pilotage.predicate.wording import WORDS

LENGTH_MAX = 10_000
"""The longest text of a condition, in characters."""

DEPTH_MAX = 32
"""How deep brackets, calls, `case`, `not` and signs may nest, and how many operators of arithmetic may follow each other."""

_KEYWORDS = {word: TokenType[word] for word in WORDS}
_OPERATORS = {"||": TokenType.DPIPE, "<>": TokenType.NEQ, "!=": TokenType.NEQ, "<=": TokenType.LTE, ">=": TokenType.GTE}
_COMPARISONS: dict[TokenType, type[exp.Binary]] = {
    TokenType.EQ: exp.EQ,
    TokenType.NEQ: exp.NEQ,
    TokenType.LT: exp.LT,
    TokenType.LTE: exp.LTE,
    TokenType.GT: exp.GT,
    TokenType.GTE: exp.GTE,
}
_JOINS: dict[TokenType, type[exp.Binary]] = {TokenType.DPIPE: exp.DPipe}
_TERMS: dict[TokenType, type[exp.Binary]] = {TokenType.PLUS: exp.Add, TokenType.DASH: exp.Sub}
_FACTORS: dict[TokenType, type[exp.Binary]] = {TokenType.STAR: exp.Mul, TokenType.SLASH: exp.Div, TokenType.MOD: exp.Mod}
_CONSTANTS: dict[TokenType, Callable[[], exp.Expr]] = {
    TokenType.TRUE: lambda: exp.Boolean(this=True),
    TokenType.FALSE: lambda: exp.Boolean(this=False),
    TokenType.NULL: exp.Null,
}
_HOLDERS = (TokenType.VAR, TokenType.IDENTIFIER, TokenType.STRING, TokenType.CASE, TokenType.NULL)
_TYPED_LITERALS = {"date": exp.DataType.Type.DATE, "timestamp": exp.DataType.Type.TIMESTAMP}
_PIECE = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|.""", re.DOTALL)
_NUMBER = re.compile(r"\d+(\.\d+)?")
_NodeT = TypeVar("_NodeT", bound=exp.Expr)


class Condition(Dialect):
    """The sqlglot dialect of conditions."""

    class Tokenizer(tokens.Tokenizer):
        KEYWORDS = {**_KEYWORDS, **_OPERATORS}

    class Parser(parser.Parser):
        """Reads a condition. Each method reads one level of precedence, loosest first; none of them ever goes back."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {}

        def _parse_statement(self) -> exp.Expr | None:
            if not self._curr:
                self.refuse("there is no condition", "write one, for example tier = 'gold'")
            node = self.disjunction(0)
            if self._curr:
                self.unexpected()
            return node

        def spanned(self, node: _NodeT, first: Token) -> _NodeT:
            """The node, knowing that it stands for the text from `first` to the token read last."""
            node.meta["start"], node.meta["end"] = first.start, self._prev.end + 1
            return node

        def refuse(self, message: str, cure: str, token: Token | None = None) -> NoReturn:
            at = token or self._curr
            after = self._prev.end + 1 if self._prev else 0
            start, end = (at.start, at.end + 1) if at else (after, after + 1)
            raise PredicateError(self.sql, message, cure, start, end)

        def unexpected(self, wanted: str = "") -> NoReturn:
            """Refuse the token at hand, with the cure for what people who know other languages write."""
            token = self._curr
            if not token:
                self.refuse("the condition ends too early", f"add {wanted or 'what is missing'}")
            shown = self.sql[token.start : token.end + 1]
            after_number = self._prev.token_type == TokenType.NUMBER and self._prev.end + 1 == token.start
            if after_number and token.token_type == TokenType.VAR:
                self.refuse(f"unexpected {shown!r} after a number", f"write a duration in quotes: '{self._prev.text}{shown}'")
            self.refuse(f"unexpected {shown!r}", _CURES.get(shown, f"expected {wanted}" if wanted else "remove it, or join it by and, or"))

        def expect(self, kind: TokenType, wanted: str) -> None:
            if not self._match(kind):
                self.unexpected(wanted)

        def deeper(self, depth: int) -> int:
            if depth >= DEPTH_MAX:
                self.refuse(f"nested deeper than {DEPTH_MAX} levels", "split the condition, or remove brackets")
            return depth + 1

        def disjunction(self, depth: int) -> exp.Expr:
            first = self._curr
            node = self.conjunction(depth)
            while self._match(TokenType.OR):
                node = self.spanned(exp.Or(this=node, expression=self.conjunction(depth)), first)
            return node

        def conjunction(self, depth: int) -> exp.Expr:
            first = self._curr
            node = self.negation(depth)
            while self._match(TokenType.AND):
                node = self.spanned(exp.And(this=node, expression=self.negation(depth)), first)
            return node

        def negation(self, depth: int) -> exp.Expr:
            first = self._curr
            if first and first.token_type == TokenType.NOT and first.text != "!":
                self._advance()
                return self.spanned(exp.Not(this=self.negation(self.deeper(depth))), first)
            return self.postfix_is(depth)

        def postfix_is(self, depth: int) -> exp.Expr:
            first = self._curr
            node = self.comparison(depth)
            while self._match(TokenType.IS):
                depth = self.deeper(depth)
                negated = self._match(TokenType.NOT)
                make = _CONSTANTS.get(self._curr.token_type) if self._curr else None
                if make is None:
                    self.unexpected("null, true or false")
                self._advance()
                node = self.spanned(exp.Is(this=node, expression=make()), first)
                if negated:
                    node = self.spanned(exp.Not(this=node), first)
            return node

        def comparison(self, depth: int) -> exp.Expr:
            first = self._curr
            node = self.range(depth)
            if self._curr and (kind := _COMPARISONS.get(self._curr.token_type)):
                self._advance()
                node = self.spanned(kind(this=node, expression=self.range(depth)), first)
                if self._curr and self._curr.token_type in _COMPARISONS:
                    self.refuse("comparisons cannot be chained", "write a < b and b < c")
            return node

        def range(self, depth: int) -> exp.Expr:
            first = self._curr
            node = self.joined(depth)
            negated = self._match(TokenType.NOT)
            if self._match(TokenType.BETWEEN):
                low = self.joined(depth)
                self.expect(TokenType.AND, "and between the two bounds of between")
                node = self.spanned(exp.Between(this=node, low=low, high=self.joined(depth)), first)
            elif self._match(TokenType.IN):
                node = self.spanned(self.member(node, depth), first)
            elif self._curr and self._curr.token_type in (TokenType.LIKE, TokenType.ILIKE):
                node = self.like(node, first, depth)
            elif negated:
                self.unexpected("in, between, like or ilike after not")
            return self.spanned(exp.Not(this=node), first) if negated else node

        def member(self, node: exp.Expr, depth: int) -> exp.Expr:
            """Behind `in`: constants in brackets, or what holds a list, a map or a text."""
            if self._match(TokenType.L_PAREN):
                return exp.In(this=node, expressions=self.items(self.deeper(depth)))
            if not self._curr or self._curr.token_type not in _HOLDERS:
                self.unexpected("a list in brackets, such as ('a', 'b'), or the name of a list")
            return exp.In(this=node, field=self.joined(depth))

        def like(self, node: exp.Expr, first: Token, depth: int) -> exp.Expr:
            kind = exp.Like if self._curr.token_type == TokenType.LIKE else exp.ILike
            self._advance()
            matched = self.spanned(kind(this=node, expression=self.joined(depth)), first)
            if self._match(TokenType.ESCAPE):
                return self.spanned(exp.Escape(this=matched, expression=self.joined(depth)), first)
            return matched

        def items(self, depth: int) -> list[exp.Expr]:
            """Expressions between commas, up to and with the closing bracket; at least one."""
            found = [self.disjunction(depth)]
            while self._match(TokenType.COMMA):
                found.append(self.disjunction(depth))
            self.expect(TokenType.R_PAREN, "a comma or )")
            return found

        def joined(self, depth: int) -> exp.Expr:
            return self.chain(_JOINS, self.term, depth)

        def term(self, depth: int) -> exp.Expr:
            return self.chain(_TERMS, self.factor, depth)

        def factor(self, depth: int) -> exp.Expr:
            return self.chain(_FACTORS, self.unary, depth)

        def chain(self, kinds: dict[TokenType, type[exp.Binary]], operand: Callable[[int], exp.Expr], depth: int) -> exp.Expr:
            first = self._curr
            node = operand(depth)
            while self._curr and (kind := kinds.get(self._curr.token_type)):
                depth = self.deeper(depth)
                self._advance()
                node = self.spanned(kind(this=node, expression=operand(depth)), first)
            return node

        def unary(self, depth: int) -> exp.Expr:
            first = self._curr
            if self._match(TokenType.DASH):
                return self.spanned(exp.Neg(this=self.unary(self.deeper(depth))), first)
            if self._match(TokenType.PLUS):
                return self.unary(self.deeper(depth))
            node = self.atom(depth)
            while self._match(TokenType.L_BRACKET):
                depth = self.deeper(depth)
                node = exp.Bracket(this=node, expressions=[self.joined(depth)])
                self.expect(TokenType.R_BRACKET, "]")
                self.spanned(node, first)
            return node

        def atom(self, depth: int) -> exp.Expr:
            first = self._curr
            if not first:
                self.unexpected("a value")
            kind = first.token_type
            if kind == TokenType.NUMBER:
                return self.number(first)
            if kind in (TokenType.VAR, TokenType.IDENTIFIER):
                return self.named(first, depth)
            if self._match(TokenType.STRING):
                return self.spanned(exp.Literal.string(first.text), first)
            if make := _CONSTANTS.get(kind):
                self._advance()
                return self.spanned(make(), first)
            if self._match(TokenType.L_PAREN):
                return self.bracketed(depth)
            if self._match(TokenType.CASE):
                return self.case(first, self.deeper(depth))
            if self._match(TokenType.INTERVAL):
                return self.interval(first)
            self.unexpected("a value")

        def number(self, first: Token) -> exp.Expr:
            if not _NUMBER.fullmatch(first.text):
                self.refuse(f"{first.text} is not a number here", "write digits, with a point and decimals if needed, such as 12.50")
            self._advance()
            return self.spanned(exp.Literal.number(first.text), first)

        def bracketed(self, depth: int) -> exp.Expr:
            node = self.disjunction(self.deeper(depth))
            if self._curr and self._curr.token_type == TokenType.COMMA:
                self.refuse("a list stands only after in", "write x in ('a', 'b')")
            self.expect(TokenType.R_PAREN, ")")
            return node

        def case(self, first: Token, depth: int) -> exp.Expr:
            """`case when … then … [else …] end`, or `case value when … then … end`."""
            operand = None if self._match(TokenType.WHEN, advance=False) else self.disjunction(depth)
            ifs = []
            while self._match(TokenType.WHEN):
                start = self._prev
                when = self.disjunction(depth)
                self.expect(TokenType.THEN, "then")
                ifs.append(self.spanned(exp.If(this=when, true=self.disjunction(depth)), start))
            if not ifs:
                self.unexpected("when")
            default = self.disjunction(depth) if self._match(TokenType.ELSE) else None
            self.expect(TokenType.END, "when, else or end")
            return self.spanned(exp.Case(this=operand, ifs=ifs, default=default), first)

        def interval(self, first: Token) -> exp.Expr:
            """`interval '7 days'` or `interval '7' day`."""
            text = self._curr.text if self._curr else ""
            self.expect(TokenType.STRING, "a duration in quotes, such as '7 days'")
            if self._match(TokenType.VAR):
                text = f"{text} {self._prev.text}"
            return self.spanned(exp.Interval(this=exp.Literal.string(text)), first)

        def named(self, first: Token, depth: int) -> exp.Expr:
            """A dotted name, a function call, or a `date` or `timestamp` literal."""
            self._advance()
            plain = first.token_type == TokenType.VAR
            if plain and self._match(TokenType.L_PAREN):
                return self.called(first, self.deeper(depth))
            kind = _TYPED_LITERALS.get(first.text.lower()) if plain else None
            if kind and self._match(TokenType.STRING):
                literal = self.spanned(exp.Literal.string(self._prev.text), self._prev)
                return self.spanned(exp.Cast(this=literal, to=exp.DataType(this=kind)), first)
            parts = [first.text]
            while self._match(TokenType.DOT):
                if not self._curr or not (self._curr.text.isidentifier() or self._curr.token_type == TokenType.IDENTIFIER):
                    self.unexpected("a name after the point")
                parts.append(self._curr.text)
                self._advance()
            node = self.spanned(exp.Column(this=exp.Identifier(this=".".join(parts))), first)
            node.meta["path"], node.meta["quoted"] = tuple(parts), not plain
            return node

        def called(self, first: Token, depth: int) -> exp.Expr:
            if first.text.lower() == "extract":
                return self.extracted(first, depth)
            arguments = [] if self._match(TokenType.R_PAREN) else self.items(depth)
            return self.spanned(exp.Anonymous(this=first.text, expressions=arguments), first)

        def extracted(self, first: Token, depth: int) -> exp.Expr:
            """`extract(hour from instant)`: the call of the function that the part is called after."""
            part = self._curr
            self.expect(TokenType.VAR, "a part such as hour")
            if not self._curr or self._curr.text.lower() != "from":
                self.unexpected("from, as in extract(hour from now())")
            self._advance()
            node = exp.Anonymous(this=part.text, expressions=[self.disjunction(depth)])
            self.expect(TokenType.R_PAREN, ")")
            return self.spanned(node, first)


_CURES = {
    "=": "equality is a single =, with a value on each side",
    "!": "write not, or <> for unequal",
    "&": "write and",
    "|": "write or; texts are joined by ||",
    ";": "a condition is one expression; remove the semicolon",
    ".": "write a number with a digit before the point, such as 0.5",
    "*": "count an event with count('order.placed', '30d')",
    ")": "remove it, or open a bracket before",
    "then": "write case when condition then value end",
}


def syntax(text: str) -> exp.Expr:
    """The syntax tree of a condition; its nodes carry `meta['start']` and `meta['end']`, offsets in the text.

    Raises `PredicateError` where the text is no expression, is longer than `LENGTH_MAX` or nests deeper than `DEPTH_MAX`.
    """
    if len(text) > LENGTH_MAX:
        cure = "split it into several conditions, or use attributes"
        raise PredicateError(text, f"the condition is longer than {LENGTH_MAX} characters", cure, LENGTH_MAX, LENGTH_MAX + 1)
    dialect = Condition()
    try:
        found = dialect.tokenize(text)
    except TokenError as error:
        # What the tokenizer complains of is always a quote or comment; its own position is only a neighbourhood.
        cure = "close it; a quote inside a string is doubled: 'it''s'"
        raise PredicateError(text, "a quote or comment is not closed", cure, _unclosed(text), len(text)) from error
    reader = Condition.Parser(dialect=dialect)
    if any(token.token_type == TokenType.SEMICOLON for token in found):
        at = next(token for token in found if token.token_type == TokenType.SEMICOLON)
        raise PredicateError(text, "unexpected ';'", _CURES[";"], at.start, at.end + 1)
    tree = reader.parse(found, text)
    if not tree or tree[0] is None:
        raise PredicateError(text, "there is no condition", "write one, for example tier = 'gold'", 0, 1)
    return tree[0]


def _unclosed(text: str) -> int:
    """Where the first quote or comment begins that is not closed; 0 if none is."""
    for piece in _PIECE.finditer(text):
        if piece[0] in ("'", '"') or (text.startswith("/*", piece.start()) and len(piece[0]) == 1):
            return piece.start()
    return 0
