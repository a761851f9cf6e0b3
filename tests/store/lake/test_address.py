import pytest

from embstore.errors import StoreError
from embstore.store.lake.address import LakeAddress


def test_an_address_is_what_postgresql_takes_and_where_files_go() -> None:
    lake = LakeAddress.parse("ducklake:postgres:host=db dbname=geometry?data_path=/shared/lake")
    assert lake.words == "dbname=geometry host=db"
    assert lake.data_path == "/shared/lake/"
    assert str(lake) == "ducklake:postgres:dbname=geometry host=db"
    assert lake.name == "geometry"
    # The same database, whatever the order of the words, is the same lake.
    again = LakeAddress.parse("ducklake:postgres:dbname=geometry host=db?data_path=/shared/lake/")
    assert again == lake


@pytest.mark.parametrize(
    ("given", "words", "data_path"),
    [
        ("service=lab", "service=lab", None),
        ("dbname='two words'", "dbname='two words'", None),
        (r"dbname='it\'s'", r"dbname='it\'s'", None),
        ("postgresql://me@db:5433/x", "dbname=x host=db port=5433 user=me", None),
        (
            "postgresql://db/x?sslmode=require&data_path=s3://lab/lake",
            "dbname=x host=db sslmode=require",
            "s3://lab/lake/",
        ),
        ("postgresql://db/x?sslmode=require", "dbname=x host=db sslmode=require", None),
        ("dbname=x?data_path=s3://lab/a%3Fb", "dbname=x", "s3://lab/a?b/"),
    ],
)
def test_every_form_of_an_address_is_read(given: str, words: str, data_path: str | None) -> None:
    lake = LakeAddress.parse(f"ducklake:postgres:{given}")
    assert lake.words == words
    assert lake.data_path == data_path
    assert LakeAddress.parse(str(lake)).words == words


@pytest.mark.parametrize("schema", ["Caps", "two words", "it's", "a&b", "a%41?", "ünï"])
def test_the_address_of_any_schema_can_be_read_again(schema: str) -> None:
    lake = LakeAddress((("dbname", "x"),), schema)
    assert LakeAddress.parse(str(lake)) == lake


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("ducklake:sqlite:x.db", "'ducklake:sqlite:x.db' is no lake of PostgreSQL: write it as"),
        ("ducklake:postgres:", "names no database"),
        ("ducklake:postgres:dbname", "is not what PostgreSQL takes: write it as"),
        ("ducklake:postgres:nonsense=1", '(invalid connection option "nonsense")'),
        ("ducklake:postgres:dbname=x?data_pth=/y", "did you mean data_path?"),
        ("ducklake:postgres:dbname=x?data_path=/y&colour=red", "'colour' is nothing that"),
        (
            "ducklake:postgres:dbname=x?data_path=",
            "data_path of a lake's address is empty",
        ),
        ("ducklake:postgres:dbname=x password=geheim", "has a password in it"),
        ("ducklake:postgres:postgresql://me:geheim@db/x", "has a password in it"),
        ("ducklake:postgres:dbname=x scram_client_key=geheim", "has a scram_client_key in it"),
        ("ducklake:postgres:dbname=x password=ge heim", "is not what PostgreSQL takes"),
    ],
)
def test_what_is_no_address_is_refused_without_showing_a_password(given: str, says: str) -> None:
    with pytest.raises(StoreError) as refused:
        LakeAddress.parse(given)
    said = str(refused.value)
    assert says in said
    assert "heim" not in said
