"""config.yaml and the environment as one tree of plain values that knows its places.

The loader validates the tree; `Source.place` then says on which line of the file, or in which
variable, a setting stands. A key that is given twice is refused, since YAML would drop one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from atlas_node.config.location import Location, dotted
from atlas_node.errors import ConfigurationError

PREFIX = "ATLAS_NODE__"


class Source:
    """A tree of settings and where each of them was given.

    Parameters
    ----------
    name : str
        What the tree is read from, for messages.

    Attributes
    ----------
    tree : dict
        Sections, keys and values as read.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.tree: dict[str, Any] = {}
        self._places: dict[Location, str] = {(): name}

    def place(self, location: Location) -> str:
        """Return where the setting at `location`, or what should hold it, was given."""
        while location not in self._places:
            location = location[:-1]
        return self._places[location]

    def read_file(self, path: Path) -> None:
        """Fill the tree from a YAML file.

        Raises
        ------
        ConfigurationError
            The file cannot be read, is not YAML or gives a key twice.
        """
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise ConfigurationError(
                f"{self.name}: no such file; name the configuration with -c FILE"
            ) from None
        except OSError as error:
            raise ConfigurationError(f"{self.name}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise ConfigurationError(
                f"{self.name}: not UTF-8 text at byte {error.start}; save it as UTF-8"
            ) from None
        tree = self._parse(text, (), None)
        if tree is None:
            return
        if not isinstance(tree, dict):
            raise ConfigurationError(
                f"{self.name}: expected sections such as node and destinations at the top"
            )
        # A section with nothing but comments in it reads as null; it has its defaults.
        self.tree = {key: value for key, value in tree.items() if value is not None}

    def read_environment(self, env: Mapping[str, str]) -> None:
        """Let every variable ``ATLAS_NODE__SECTION__KEY`` replace one setting.

        Raises
        ------
        ConfigurationError
            A value is not YAML, or a variable goes below what is no section.
        """
        for variable in sorted(name for name in env if name.startswith(PREFIX)):
            location = tuple(variable.removeprefix(PREFIX).lower().split("__"))
            place = f"environment, {variable}"
            value = self._parse(env[variable], location, place)
            section = self.tree
            for depth, part in enumerate(location[:-1], start=1):
                if section.get(part) is None:
                    section[part] = {}
                    self._places[location[:depth]] = place
                section = section[part]
                if not isinstance(section, dict):
                    raise ConfigurationError(
                        f"{place}: {part} is no section; set the whole of it, as YAML"
                    )
            section[location[-1]] = value
            self._places[location] = place

    def _parse(self, text: str, location: Location, place: str | None) -> Any:
        """Parse YAML `text` that stands at `location`; `place` overrides line numbers."""
        loader = yaml.SafeLoader("")
        try:
            loader = yaml.SafeLoader(text)
            node = loader.get_single_node()
            self._forget(location)
            return None if node is None else self._value(loader, node, location, place, ())
        except yaml.composer.ComposerError as error:
            reason = "an anchor or a second document; quote a value that begins with * or &"
            raise ConfigurationError(
                f"{self._at(error, place)}: not valid YAML: {reason}"
            ) from None
        except yaml.MarkedYAMLError as error:
            reason = "" if place else f": {error.problem}"
            raise ConfigurationError(
                f"{self._at(error, place)}: not valid YAML{reason}; check quotes and indents"
            ) from None
        except yaml.reader.ReaderError as error:
            raise ConfigurationError(
                f"{place or self.name}: not valid YAML: a control character at {error.position}"
            ) from None
        except RecursionError:
            raise ConfigurationError(f"{place or self.name}: nested too deeply") from None
        finally:
            loader.dispose()

    def _at(self, error: yaml.MarkedYAMLError, place: str | None) -> str:
        mark = error.problem_mark or error.context_mark
        return place or (f"{self.name}, line {mark.line + 1}" if mark else self.name)

    def _forget(self, location: Location) -> None:
        """Drop the places of what is about to be replaced."""
        for known in [k for k in self._places if k[: len(location)] == location and k]:
            del self._places[known]

    def _value(
        self,
        loader: yaml.SafeLoader,
        node: yaml.Node,
        location: Location,
        place: str | None,
        enclosing: tuple[yaml.Node, ...],
    ) -> Any:
        """Return the plain value of `node` and note the places of all that is in it."""
        here = place or f"{self.name}, line {node.start_mark.line + 1}"
        if location not in self._places:
            self._places[location] = here
        if any(node is outer for outer in enclosing):
            raise ConfigurationError(f"{here}: {dotted(location)}: refers to itself")
        if isinstance(node, yaml.SequenceNode):
            return [
                self._value(loader, item, (*location, index), place, (*enclosing, node))
                for index, item in enumerate(node.value)
            ]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(loader, node, location, place, (*enclosing, node))
        try:
            return loader.construct_object(node)
        except (yaml.constructor.ConstructorError, ValueError):
            raise ConfigurationError(
                f"{here}: {dotted(location)}: not a plain value; put text in quotes"
            ) from None

    def _mapping(
        self,
        loader: yaml.SafeLoader,
        node: yaml.MappingNode,
        location: Location,
        place: str | None,
        enclosing: tuple[yaml.Node, ...],
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            here = place or f"{self.name}, line {line}"
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigurationError(f"{here}: a key must be a plain word")
            key = str(key_node.value)
            inner = (*location, key)
            if key in values:
                first = "" if place else f", first on line {lines[key]}"
                raise ConfigurationError(f"{here}: {dotted(inner)}: given twice{first}")
            lines[key] = line
            self._places[inner] = here
            values[key] = self._value(loader, value_node, inner, place, enclosing)
        return values
