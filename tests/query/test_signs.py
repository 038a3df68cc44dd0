"""Signs of other tools: each means here what it means there, or is refused where it stands; never silently no row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.query.filter import parse
from epolltop.query.mistake import FilterError
from tests.support.rows import process_row, snapshot

A = process_row(42, name="nginx", command="nginx: worker process", user="www-data", open=3, fds=40)
B = process_row(77, name="redis-server", command="redis-server *:6379", user="redis", open=20, fds=9)
C = process_row(1, name="systemd", command="/sbin/init", user="root", fds=None)
WORLD = snapshot(A, B, C)

MEANT = [
    # C, Wireshark, jq, bpftrace
    ("nginx && open>1", "a"),
    ("nginx&&open>1", "a"),
    ("nginx || redis", "ab"),
    ("name==nginx || name==systemd", "ac"),
    ("name=='nginx'", "a"),
    ('!(name == "nginx")', "bc"),
    ("open >= 3 && !(user == root)", "ab"),
    ("open!=3", "bc"),
    ("open === 3", "a"),
    ("open !== 3", "bc"),
    # perl, awk, ruby
    ("name =~ ^ng", "a"),
    ("name !~ ^ng", "bc"),
    # SQL
    ("open <> 3", "bc"),
    ("name = 'nginx' AND open > 1", "a"),
    ("name = 'nginx' OR user = 'root'", "ac"),
    ("NOT name = 'nginx'", "bc"),
    # htop, fzf, grep
    ("nginx|redis", "ab"),
    ("!nginx", "bc"),
    # shells
    ("ng*", "a"),
    ("name=redis*", "b"),
    ("name=ngin?", "a"),
    # what is shown
    ("fds=?", "c"),
    ("fds!=?", "ab"),
]
REFUSED = [
    ("-nginx", 0),
    ("+nginx", 0),
    ("--user=root", 0),
    ("~nginx", 0),
    ("=nginx", 0),
    ("/ngin.x/", 0),
    ("/nginx/i", 0),
    ("name=/nginx/", 5),
    ("name =~ /nginx/", 8),
    ("^nginx", 0),
    ("nginx$", 0),
    ("ng.*x", 0),
    ("name=ng.*", 5),
    ("name ~= nginx", 6),
    ("name ~~ nginx", 6),
    ("name === =nginx", 9),
    ("nginx, redis", 0),
    ("nginx; redis", 0),
    ("name=nginx,redis", 5),
    ("name in (nginx, redis)", 5),
    ("pid not in (1, 2)", 8),
    ("pid between 1 and 50", 4),
    ("name like '%ngin%'", 5),
    ("name:%ngin%", 5),
    ("name contains ngin", 5),
    ("name matches ^ng", 5),
    ("name is nginx", 5),
    ("name is not null", 5),
    ("fds is null", 4),
    ("name=null", 5),
    ("fds == null", 7),
    ("ended=true", 6),
    ("open eq 3", 5),
    ("open gt 3", 5),
    ("open le 3", 5),
    ("nginx xor redis", 6),
    ("nginx ^^ redis", 6),
    ("nginx -- redis", 6),
    ("where open>3", 0),
    ("5<open", 0),
    (".open > 5", 0),
    ("open > 5%", 7),
    ("open > 0x10", 7),
    ("open ~ 5", 5),
    ("user < root", 5),
    ("open >< 5", 6),
    ("open =! 5", 6),
    ("`nginx`", 0),
    ("“nginx”", 0),
    ("nginx &&& redis", 8),
    ("nginx ||| redis", 8),
    ("&& nginx", 0),
    ("nginx &&", 8),
]


def found(text: str) -> str:
    matches = parse(text)
    return "".join(letter for letter, row in zip("abc", (A, B, C), strict=True) if matches(row, WORLD))


@pytest.mark.parametrize(("text", "rows"), MEANT)
def test_signs_that_are_understood_mean_what_they_mean_elsewhere(text: str, rows: str) -> None:
    assert found(text) == rows


@pytest.mark.parametrize(("text", "position"), REFUSED)
def test_signs_that_are_not_are_refused_where_they_stand(text: str, position: int) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert (caught.value.position, bool(caught.value.message)) == (position, True)


_FRAMES = [
    ("", ""),
    ("(", ")"),
    ("open>=0 ", ""),
    ("", " open>=0"),
    ("!!(", ")"),
    ("  ", "\t"),
    ("(open>=0 && (", "))"),
]


@given(st.sampled_from(MEANT), st.lists(st.sampled_from(_FRAMES), max_size=3))
def test_they_mean_it_wherever_they_stand(sign: tuple[str, str], frames: list[tuple[str, str]]) -> None:
    text, rows = f"({sign[0]})", sign[1]
    for before, after in frames:
        text = f"{before}{text}{after}"
    assert found(text) == rows


@given(st.sampled_from(REFUSED), st.lists(st.sampled_from(_FRAMES), max_size=3))
def test_they_are_refused_wherever_they_stand(sign: tuple[str, int], frames: list[tuple[str, str]]) -> None:
    text = before_all = ""
    for before, after in frames:
        text, before_all = f"{text}{after}", f"{before}{before_all}"
    with pytest.raises(FilterError) as caught:
        parse(f"{before_all}({sign[0]}){text}")
    assert len(before_all) <= caught.value.position <= len(before_all) + len(sign[0]) + 1


@pytest.mark.parametrize(
    "text", ["-nginx", "nginx, redis", "/ngin.x/", "null", "true", "%x%", "^^", "in", "a.*b", "x$"]
)
def test_in_quotes_all_of_it_is_text(text: str) -> None:
    for quote in "'\"":
        assert parse(f"command:{quote}{text}{quote}")(process_row(command=f"x {text} y"), WORLD)
        assert parse(f"{quote}{text}{quote}")(process_row(command=f"x {text} y"), WORLD)


@pytest.mark.parametrize(
    "text",
    ["plugged in", "/usr/sbin/nginx", "/sbin/init", "it's", "no-op", "a+b", "c++", "x_y", "node.js", "#1", "user@host",
     "é", "漢字", "🤖", "a/b/", "like in is", "1.5", "[kworker]", "100%", "$HOME", "where", "open"],
)  # fmt: skip
def test_ordinary_words_are_words(text: str) -> None:
    assert parse(text)(process_row(command=f"x {text} y"), WORLD)
