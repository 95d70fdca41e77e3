"""Validation of client data: the errors have the services' codes, paths and words."""

from __future__ import annotations

import pytest

from trunkline.realtime import validation
from trunkline.realtime.service_rules import metadata
from trunkline.realtime.validation import InvalidRequest, Validator

pytestmark = pytest.mark.pure


def refused(check: Validator, value: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as refusal:
        check(value, "field")
    assert refusal.value.param is not None
    return refusal.value


@pytest.mark.parametrize(
    ("check", "value", "expected", "given"),
    [
        (validation.text, 5, "a string", "an integer"),
        (validation.boolean, "true", "a boolean", "a string"),
        (validation.json_object, [], "an object", "an array"),
        (validation.number_between(0, 1), True, "a decimal", "a boolean"),
        (validation.integer_between(0, 9), 1.5, "an integer", "a decimal"),
        (validation.one_of("a", "b"), None, "a string", "null"),
        (validation.list_of(validation.text), {}, "an array", "an object"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_both_types(
    check: Validator, value: object, expected: str, given: str
) -> None:
    error = refused(check, value)
    assert str(error) == f"Invalid type for 'field': expected {expected}, but got {given} instead."
    assert error.code == "invalid_type"


@pytest.mark.parametrize(
    ("check", "value", "code"),
    [
        (validation.non_empty_text, "", "empty_string"),
        (validation.text_up_to(3), "four", "string_above_max_length"),
        (validation.number_between(0, 1), 2, "decimal_above_max_value"),
        (validation.integer_between(1, 9), 0, "integer_below_min_value"),
        (validation.one_of("a", "b"), "c", "invalid_value"),
        (validation.list_of(validation.text, 1), ["a", "b"], "array_above_max_length"),
        (validation.object_with({}), {"more": 1}, "unknown_parameter"),
        (validation.object_with({"a": validation.text}, ["a"]), {}, "missing_required_parameter"),
        (metadata, {str(number): "" for number in range(17)}, "object_above_max_properties"),
        (metadata, {"name": "x" * 513}, "string_above_max_length"),
    ],
)
def test_a_refused_value_has_the_services_code(check: Validator, value: object, code: str) -> None:
    assert refused(check, value).code == code


def test_the_path_of_a_member_is_in_the_error() -> None:
    check = validation.object_with({"list": validation.list_of(validation.text)})
    with pytest.raises(InvalidRequest) as refusal:
        check({"list": ["a", 5]}, "session")
    assert refusal.value.param == "session.list[1]"


def test_allowed_values_are_listed_as_the_services_do() -> None:
    assert str(refused(validation.one_of("a", "b"), "c")).endswith("Supported values are: 'a' and 'b'.")
    assert str(refused(validation.one_of("a", "b", "c"), "d")).endswith("'a', 'b', and 'c'.")


@pytest.mark.parametrize(
    ("check", "value", "kept"),
    [
        (validation.integer_between(0, 9), 3.0, 3),
        (validation.number_between(0, 1), 1, 1),
        (validation.nullable(validation.text, ""), None, ""),
        (validation.nullable(validation.text), "a", "a"),
        (validation.non_empty_text, "a", "a"),
        (validation.boolean, True, True),
        (validation.any_value, [None], [None]),
        (metadata, {"name": "value"}, {"name": "value"}),
    ],
)
def test_an_accepted_value_is_kept_as_the_session_keeps_it(check: Validator, value: object, kept: object) -> None:
    assert check(value, "field") == kept


def test_a_body_needs_to_be_an_object() -> None:
    body = validation.body_with({"model": validation.text}, ["model"])
    assert body({"model": "m"}) == {"model": "m"}
    with pytest.raises(InvalidRequest, match="'body'"):
        body([])
