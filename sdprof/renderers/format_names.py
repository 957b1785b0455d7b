"""Names of the formats that an audit can be written in; apart from them, so that a command can list them at once."""

from typing import Literal

FormatName = Literal["html", "md", "json", "sarif", "junit", "github", "csv", "text"]
