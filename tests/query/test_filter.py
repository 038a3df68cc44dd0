from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.model.event import Kind
from epolltop.query.event_fields import EVENT_FIELDS
from epolltop.query.filter import (
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_PATTERNS,
    MAX_TERMS,
    everything,
    parse,
    parse_over,
)
from epolltop.query.instance_fields import INSTANCE_FIELDS, InstanceOf
from epolltop.query.mistake import FilterError
from tests.support.records import NOW_NS, SECOND_NS, event
from tests.support.rows import instance, process_row, snapshot

NGINX = process_row(42, name="nginx", command="nginx: worker process", user="www-data", open=3)
REDIS = process_row(77, name="redis-server", command="redis-server *:6379", user="redis", open=20, create_per_s=1500.0)
ROOT = process_row(1, name="systemd", command="/sbin/init (splash)", user="root", fds=None)
WORLD = snapshot(NGINX, REDIS, ROOT)


def matching(text: str) -> list[str]:
    matches = parse(text)
    return [row.name for row in WORLD.processes if matches(row, WORLD)]


def complaint(text: str) -> tuple[str, int]:
    with pytest.raises(FilterError) as caught:
        parse(text)
    return caught.value.message, caught.value.position


@pytest.mark.parametrize("text", ["", "   ", "\t\n"])
def test_an_empty_filter_matches_everything(text: str) -> None:
    assert parse(text) is everything
    assert matching(text) == ["nginx", "redis-server", "systemd"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("NGINX", ["nginx"]),
        ("42", ["nginx"]),
        ("7", ["redis-server"]),
        ("www-", ["nginx"]),
        ("6379", ["redis-server"]),
        ("worker nginx", ["nginx"]),
        ("worker redis", []),
        ("/sbin/init", ["systemd"]),
        ('"worker process"', ["nginx"]),
        ('"process worker"', []),
        ('"nginx: "', ["nginx"]),
        ("nginx.service", []),
        ("andromeda", []),
        ('"and"', []),
        ("'worker process'", ["nginx"]),
        ("ngin*process", ["nginx"]),
        ("r?d?s", ["redis-server"]),
        ("*6379", ["redis-server"]),
        ('"r?dis"', []),
        ("*", ["nginx", "redis-server", "systemd"]),
    ],
)
def test_bare_words_match_pid_user_name_or_command(text: str, names: list[str]) -> None:
    assert matching(text) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("user:www", ["nginx"]),
        ("USER:WWW", ["nginx"]),
        ("user=www", []),
        ("user=WWW-data", ["nginx"]),
        ("user==www-data", ["nginx"]),
        ("user!=root", ["nginx", "redis-server"]),
        ('command:"worker process"', ["nginx"]),
        ("command:*:6379", ["redis-server"]),
        ("command:(splash)", ["systemd"]),
        ("comm:nginx", ["nginx"]),
        ("cgroup : nginx", ["nginx", "redis-server", "systemd"]),
        ('name:""', ["nginx", "redis-server", "systemd"]),
        ('name=""', []),
        ("ended:no", ["nginx", "redis-server", "systemd"]),
        ("ended:yes", []),
        ("user!:ww", ["redis-server", "systemd"]),
        ("name=r*s", []),
        ("name=R*R", ["redis-server"]),
        ("name!=*d*", ["nginx"]),
        ("name:s?s", ["redis-server", "systemd"]),
        ("name='nginx'", ["nginx"]),
        (r"command:'\'' or name=nginx", ["nginx"]),
    ],
)
def test_text_contains_or_is_whatever_the_case(text: str, names: list[str]) -> None:
    assert matching(text) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("name~^nginx$", ["nginx"]),
        ("name~^(nginx|redis-server)$", ["nginx", "redis-server"]),
        ("name ~ SYS", ["systemd"]),
        ("(name~d$)", ["systemd"]),
        (r'command~"\*:\d+"', ["redis-server"]),
        (r'command~"\(\w+"', ["systemd"]),
        ('command~"er proc"', ["nginx"]),
        ("name~^nginx$|^sys", ["nginx", "systemd"]),
        ("name=~d$", ["systemd"]),
        ("name!~d$", ["nginx", "redis-server"]),
        ("name~ng&&open>2", ["nginx"]),
        ("name~ng||open>9", ["nginx", "redis-server"]),
    ],
)
def test_text_matches_a_regular_expression_anywhere(text: str, names: list[str]) -> None:
    assert matching(text) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("open>3", ["redis-server"]),
        ("open>=3", ["nginx", "redis-server"]),
        ("open < 3", ["systemd"]),
        ("open<=3", ["nginx", "systemd"]),
        ("open:3", ["nginx"]),
        ("open==3", ["nginx"]),
        ("open!=3", ["redis-server", "systemd"]),
        ("open>2.5", ["nginx", "redis-server"]),
        ("new/s>=1.5k", ["redis-server"]),
        ("NEW/S>.002M", []),
        ("create_per_s>1k", ["redis-server"]),
        ("pid:4", []),
        ("pid:42", ["nginx"]),
        ("open>-3", ["nginx", "redis-server", "systemd"]),
        ("open<-0.5", []),
        ("open<>3", ["redis-server", "systemd"]),
        ("open===3", ["nginx"]),
        ("open=>3", ["nginx", "redis-server"]),
        ("open=<3", ["nginx", "systemd"]),
        ("open!==3", ["redis-server", "systemd"]),
    ],
)
def test_numbers_compare(text: str, names: list[str]) -> None:
    assert matching(text) == names


@pytest.mark.parametrize(
    ("quantity", "seconds"),
    [
        ("90", 90.0),
        ("500ms", 0.5),
        ("250µs", 0.00025),
        ("90s", 90.0),
        ("1.5m", 90.0),
        ("2h", 7200.0),
        ("1d", 86400.0),
        ("3m05s", 185.0),
        ("12d03h", 1_047_600.0),
    ],
)
def test_times_take_units_and_read_as_they_are_shown(quantity: str, seconds: float) -> None:
    row = process_row(started_ns=NOW_NS - round(seconds * SECOND_NS))
    assert parse(f"age={quantity}")(row, WORLD)
    assert not parse(f"age>{quantity}")(row, WORLD)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("!nginx", ["redis-server", "systemd"]),
        ("! nginx", ["redis-server", "systemd"]),
        ("not nginx", ["redis-server", "systemd"]),
        ("NOT user:root", ["nginx", "redis-server"]),
        ("!!nginx", ["nginx"]),
        ("!nginx !redis", ["systemd"]),
        ("!(nginx or redis)", ["systemd"]),
        ("open>1 !nginx", ["redis-server"]),
        ('"-nginx"', []),
    ],
)
def test_an_exclamation_mark_or_not_negates(text: str, names: list[str]) -> None:
    assert matching(text) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("nginx or redis", ["nginx", "redis-server"]),
        ("nginx OR systemd", ["nginx", "systemd"]),
        ("nginx and open>1", ["nginx"]),
        ("systemd or nginx open>3", ["systemd"]),
        ("(systemd or nginx) open>1", ["nginx"]),
        ("(nginx)or(redis)and(open>1)", ["nginx", "redis-server"]),
        ("((((nginx))))", ["nginx"]),
        ("nginx(worker)", ["nginx"]),
        ("nginx || redis", ["nginx", "redis-server"]),
        ("nginx|redis", ["nginx", "redis-server"]),
        ("nginx && open>1", ["nginx"]),
        ("nginx&open>1", ["nginx"]),
        ("open>1&&user=redis||user=root", ["redis-server", "systemd"]),
        ("!(open>1) && !nginx", ["systemd"]),
        ("systemd || nginx && open>3", ["systemd"]),
    ],
)
def test_and_binds_tighter_than_or(text: str, names: list[str]) -> None:
    assert matching(text) == names


@pytest.mark.parametrize("text", ["fds>0", "fds<=0", "fds!=0", "fds:0"])
def test_an_unknown_value_matches_no_comparison(text: str) -> None:
    assert "systemd" not in matching(text)


def test_counts_are_unknown_before_the_first_window() -> None:
    assert not parse("created>=0")(NGINX, snapshot(NGINX, window_s=0))


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("nginx opne>3", "there is no field 'opne', did you mean open?", 6),
        ("http://x", "there is no field 'http'; put text that contains ':' in quotes", 0),
        ("open>", "a value is missing here", 5),
        ("user:  ", "a value is missing here", 7),
        ("open>(3", "put a value that has parentheses in quotes", 5),
        (">5", "the name of a field goes before '>'; put text that contains it in quotes", 0),
        ('"open">5', "the name of a field goes before '>'; put text that contains it in quotes", 6),
        ("!=5", "the name of a field goes before '='; put text that contains it in quotes", 1),
        ("nginx and", "a word or a comparison is missing here", 9),
        ("nginx or or redis", "a word or a comparison is missing here", 9),
        ("and", "a word or a comparison is missing here", 0),
        ("!", "a word or a comparison is missing here", 1),
        ("()", "a word or a comparison is missing here", 1),
        ("(nginx", "a closing parenthesis is missing", 6),
        ("nginx)", "this parenthesis closes nothing", 5),
        ('nginx "worker', "this quote is not closed", 6),
        ('user:"www', "this quote is not closed", 5),
        ("open>many", "'many' is no number", 5),
        ("open>>3", "'>3' is no number", 5),
        ("open>--3", "'--3' is no number", 5),
        ("open>1k5", "'1k5' is no number", 5),
        ("age>1h30", "'1h30' is no number", 4),
        ("open>3m", "'m' is no unit of open: it takes k, K, M, G", 5),
        ("age>3k", "'k' is no unit of age_s: it takes us, µs, ms, s, m, h, d", 4),
        ("pid>3k", "'k' is no unit of pid: it takes none", 4),
        ("user>3", "user is text: it goes with : = != or ~", 4),
        ("open~3", "open is a number: it goes with : = != < <= > or >=", 4),
        ("name~a[", "bad regular expression: missing ]", 6),
        ('name~"a b["', "bad regular expression: missing ]", 9),
        ("name~a{99999}", "the regular expression is too large", 6),
        ("name~x(?=a)", "looking ahead or behind is not possible here", 6),
        ("name~(?<!a)", "looking ahead or behind is not possible here", 5),
        (r"name~(a)b\1", "a back reference is not possible here", 9),
        ("open>age", "these do not compare: open is a number of things, age_s is a time", 5),
        ("pid=open", "these do not compare: pid is a number that names something, open is a number of things", 4),
    ],
)
def test_a_mistake_is_explained_where_it_is(text: str, message: str, position: int) -> None:
    assert complaint(text) == (message, position)


def test_length_is_bounded() -> None:
    parse("x" * MAX_LENGTH)
    assert complaint("x" * (MAX_LENGTH + 1)) == (f"a filter has at most {MAX_LENGTH} characters", MAX_LENGTH)


def test_words_comparisons_and_patterns_are_bounded() -> None:
    parse("x " * (MAX_TERMS - 1) + "open>1")
    assert complaint("x " * MAX_TERMS + "y>1") == (
        f"a filter has at most {MAX_TERMS} words and comparisons",
        2 * MAX_TERMS,
    )
    parse("name~x " * (MAX_PATTERNS - 1) + "x*")
    assert complaint("x* " * MAX_PATTERNS + "name~y") == (f"a filter has at most {MAX_PATTERNS} patterns", 35)


def test_nesting_is_bounded() -> None:
    assert parse("!" * (MAX_DEPTH - 2) + "nginx")(NGINX, WORLD)
    assert complaint("!" * 500 + "x") == (f"more than {MAX_DEPTH} levels of not, and, or", MAX_DEPTH)
    parentheses = parse("(" * 400 + "nginx" + ")" * 400)
    assert parentheses(NGINX, WORLD), "alone they cost nothing"
    assert parse("x or " * (MAX_TERMS - 1) + "nginx")(NGINX, WORLD)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("created>freed", ["redis-server"]),
        ("open<=fds", ["nginx"]),
        ("open>FDS", ["redis-server"]),
        ("pid=ppid", ["systemd"]),
        ("fds<limit", ["nginx", "redis-server"]),
    ],
)
def test_a_number_compares_with_another_field(text: str, names: list[str]) -> None:
    rows = (
        process_row(42, name="nginx", open=3, fds=9, created=2, released=2),
        process_row(77, name="redis-server", open=20, fds=9, created=3, released=2),
        process_row(1, name="systemd", ppid=1, open=1, fds=None, created=0, released=4),
    )
    matches = parse(text)
    assert [row.name for row in rows if matches(row, snapshot(*rows))] == names


@pytest.mark.parametrize(
    ("text", "names"),
    [("fds=?", ["systemd"]), ("fds:?", ["systemd"]), ("fds!=?", ["nginx", "redis-server"]), ("user=?", [])],
)
def test_a_question_mark_asks_for_what_is_not_known(text: str, names: list[str]) -> None:
    assert matching(text) == names


def test_the_same_language_asks_for_events() -> None:
    journal = (event(), event(kind=Kind.CREATE_FAILED, errno=24, fd=None), event(pid=7, name="other"))
    world = snapshot(journal=journal)

    def found(text: str) -> list[int]:
        matches = parse_over(EVENT_FIELDS, text)
        return [number for number, each in enumerate(journal) if matches(each, world)]

    assert found("nginx") == [0, 1]
    assert found("42 errno=EMFILE") == [1]
    assert found("!comm:nginx") == [2]


ATOMS = r"""nginx open age user name fds and or not ! ( ) " \" ' : = != < >= ~ 10 5m 1.5k (a [ +)* | {9} é && || & !~ =~
 <> === !: * ? , ; - / ^ $ in is null like % == -- .* \ fds limit` {} #"""
WORDS = st.sampled_from([*ATOMS.split(), " ", "\t", "\x00", "\ud800"])


@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=25).map("".join), st.lists(WORDS).map(" ".join)))
def test_any_text_is_a_filter_or_a_mistake_with_a_place(text: str) -> None:
    try:
        matches = parse(text)
    except FilterError as error:
        mistake = error
    else:
        assert all(matches(row, WORLD) in (True, False) for row in WORLD.processes)
        return
    assert mistake.message
    assert 0 <= mistake.position <= len(text)


@given(st.text(alphabet=st.characters(blacklist_characters='\\"'), min_size=1, max_size=20))
def test_quotes_hold_any_text(name: str) -> None:
    assert parse(f'name="{name}" "{name}"')(process_row(name=name), WORLD)


@given(st.sampled_from(["nginx", "open>3", "user:r", "!redis"]), st.sampled_from(["systemd", "fds>1", "name~e"]))
def test_operators_obey_de_morgan(left: str, right: str) -> None:
    assert matching(f"!({left} or {right})") == matching(f"!({left}) !({right})")
    assert matching(f"!({left} {right})") == matching(f"!({left}) or !({right})")


def test_the_parser_is_loaded_by_the_first_filter_only() -> None:
    code = "import sys; from epolltop.query import filter, view; filter.parse(' '); sys.exit('lark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_instance_that_was_found_is_at_least_as_old_as_it_is_known() -> None:
    found, traced = (InstanceOf(instance(age_s=90.0, found=found), process_row()) for found in (True, False))

    def matches(text: str) -> list[bool]:
        predicate = parse_over(INSTANCE_FIELDS, text)
        return [predicate(row, snapshot()) for row in (found, traced)]

    assert matches("age>1m") == matches("age>=90s") == [True, True]
    assert matches("age>2m") == [False, False]
    assert matches("age<2m") == matches("age:90s") == [False, True]


@pytest.mark.parametrize("word", ["create_failed", "FAILED", "create_per_s", "freed", "limit"])
def test_names_of_files_and_of_columns_are_words_of_a_filter(word: str) -> None:
    assert parse(f"{word}>=0 or {word}=?")(NGINX, WORLD)


def test_a_name_of_json_is_a_word_of_a_filter_of_instances() -> None:
    assert parse_over(INSTANCE_FIELDS, "age_s>1")(InstanceOf(instance(age_s=2.0), None), snapshot())
