"""The pages and tables of the documentation that are made from the code, so that they stay true.

`python docs/made` fills in README.md's tables, and writes docs/metrics.md, docs/schema.md, the
module of names that asking needs and the script migrations/head.sql. What the code does not say
of a page or a column stands in the TOML file of the same name.
"""

from head_script import head_sql
from metric_page import metric_page, names_module
from pages import ROOT
from readme_tables import fill_in
from schema_page import schema_page

readme = ROOT / "README.md"
readme.write_text(fill_in(readme.read_text()))
for path, content in (
    ("docs/metrics.md", metric_page()),
    ("docs/schema.md", schema_page()),
    ("embstore/metrics/names.py", names_module()),
    ("migrations/head.sql", head_sql()),
):
    (ROOT / path).write_text(content)
