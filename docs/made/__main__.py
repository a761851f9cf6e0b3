"""The pages and tables of the documentation that are made from the code, so that they stay true.

`python docs/made` writes the pages of commands, questions, metrics and the schema, the module of
names that asking needs and the script migrations/head.sql. What the code does not say of a page or
a column stands in the TOML file of the same name.
"""

from command_page import command_page
from head_script import head_sql
from metric_page import metric_page, names_module
from pages import ROOT
from question_page import question_page
from schema_page import schema_page

for path, content in (
    ("docs/commands.md", command_page()),
    ("docs/questions.md", question_page()),
    ("docs/metrics.md", metric_page()),
    ("docs/schema.md", schema_page()),
    ("embstore/metrics/names.py", names_module()),
    ("migrations/head.sql", head_sql()),
):
    (ROOT / path).write_text(content)
