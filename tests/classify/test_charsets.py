"""A reply in any of the charsets that servers send is read as what it says, and any bytes are read as something."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.classify import charsets

SAID = [
    ("550 Empfänger ungültig: Straße übervoll", "latin-1"),
    ("550 A mensagem não pôde ser entregue: usuário não existe, ação", "latin-1"),
    ("550 Boîte désactivée à la demande", "latin-1"),
    ("550 El buzón está lleno, señor", "latin-1"),
    ("550 Пользователь не найден", "koi8_r"),
    ("550 Почтовый ящик переполнен", "koi8_r"),
    ("550 Пользователь не найден", "cp1251"),
    ("550 Почтовый ящик переполнен", "cp1251"),
    ("550 用户不存在", "gbk"),
    ("550 5.1.1 收件人不存在，请检查邮件地址", "gbk"),
    ("552 邮箱空间已满", "gbk"),
    ("550 宛先のユーザーは存在しません", "iso2022_jp"),
    ("550 宛先のユーザーは存在しません", "cp932"),
    ("550 宛先のユーザーは存在しません", "euc_jp"),
    ("550 宛先のユーザーは存在しません", "utf-8"),
]


@pytest.mark.parametrize(("text", "charset"), SAID, ids=[f"{charset} {text[:12]}" for text, charset in SAID])
def test_the_charset_is_guessed_from_the_bytes(text: str, charset: str) -> None:
    assert charsets.decode(text.encode(charset)) == text


@given(st.binary(max_size=300))
def test_any_bytes_are_read(raw: bytes) -> None:
    assert isinstance(charsets.decode(raw), str)


def test_a_character_cut_at_the_end_does_not_change_the_charset() -> None:
    assert charsets.decode("550 недоступен".encode()[:-1]).startswith("550 недоступе")
