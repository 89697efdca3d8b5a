"""What PostgreSQL would do for every statement that a piece of code runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

LOG_TABLES = frozenset(
    f"deliveries_{name}" for name in ("event", "delivery", "attempt", "batch", "refusal")
)


@dataclass
class Plans:
    """The plan nodes of all statements that were run."""

    statements: list[str] = field(default_factory=list)
    plans: list[list[dict[str, Any]]] = field(default_factory=list)
    """The nodes of each statement."""
    nodes: list[dict[str, Any]] = field(default_factory=list)
    row_counts: list[float] = field(default_factory=list)
    """How many rows each statement is expected to return."""
    readers: list[str] = field(default_factory=list)
    """The statements that read a table of the log from one end to the other."""

    @property
    def indexes(self) -> set[str]:
        return {node["Index Name"] for node in self.nodes if "Index Name" in node}

    @property
    def scanned_tables(self) -> set[str]:
        """Tables of the log that a statement reads from one end to the other."""
        return {node["Relation Name"] for node in self.nodes if _is_whole_read(node)}

    def sorted_rows(self) -> float:
        """The most rows that any statement expects to sort."""
        sorts = [node["Plan Rows"] for node in self.nodes if node["Node Type"] == "Sort"]
        return max(sorts, default=0)


@contextmanager
def explained() -> Iterator[Plans]:
    """Explain every statement just before it runs."""
    plans = Plans()
    is_explaining = False

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal is_explaining
        if not is_explaining and sql.lstrip().upper().startswith(
            ("SELECT", "UPDATE", "DELETE", "INSERT", "WITH", "(")
        ):
            is_explaining = True
            try:
                with connection.cursor() as cursor:
                    cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
                    (answer,) = cursor.fetchone()
            finally:
                is_explaining = False
            plans.statements.append(sql)
            nodes = list(_nodes(answer[0]["Plan"]))
            plans.plans.append(nodes)
            plans.nodes += nodes
            plans.row_counts.append(nodes[0]["Plan Rows"])
            if any(_is_whole_read(node) for node in nodes):
                plans.readers.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield plans


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _is_whole_read(node: dict[str, Any]) -> bool:
    return node["Node Type"] == "Seq Scan" and node["Relation Name"] in LOG_TABLES
