"""What a customer can tell the desk itself, in a word of their language."""

from collections.abc import Mapping
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from frontdesk.domain.words import fold

Command = Literal["info", "reset", "history", "human", "stop", "start", "delete", "confirm"]
COMMANDS: tuple[Command, ...] = get_args(Command)

WORDS = (
    "info=/info tr:/bilgi de:/auskunft es:/datos pt:/dados fr:/infos ru:/инфо ar:/معلومات;"
    "reset=/reset tr:/sıfırla de:/neu es:/nuevo it:/nuovo pt:/novo fr:/nouveau ru:/сброс ar:/جديد;"
    "history=/history tr:/geçmiş de:/verlauf es:/historial it:/cronologia pt:/histórico fr:/historique ru:/история ar:/سجل;"
    "human=/human tr:/insan de:/mensch es:/persona it:/umano pt:/humano fr:/humain ru:/человек ar:/موظف;"
    "stop=/stop tr:/dur de:/stopp es:/parar it:/ferma fr:/arrêt ru:/стоп ar:/توقف;"
    "start=/start tr:/başla de:/weiter es:/seguir it:/riprendi pt:/continuar fr:/reprendre ru:/старт ar:/ابدأ;"
    "delete=/delete tr:/sil de:/löschen es:/borrar it:/elimina pt:/apagar fr:/supprimer ru:/удалить ar:/حذف;"
    "confirm=/yes tr:/evet de:/ja es:/sí it:/confermo pt:/sim fr:/oui ru:/да ar:/نعم"
)
"""Command → its words, as the setting ``COMMANDS`` takes them; a language before a word is that of the answer."""


class Word(BaseModel):
    """A word that is a command; ``language`` None means that of the chat."""

    model_config = ConfigDict(frozen=True)

    command: Command
    text: str
    language: str | None = None


class Commands:
    """The words that are commands."""

    def __init__(self, text: str) -> None:
        """Read ``command=word tr:word; command=word``; “none” means no words.

        Raises:
            ValueError: there is no such command, or two commands share a word.
        """
        self._words: dict[str, Word] = {}
        entries = () if text.strip() == "none" else (part.strip() for part in text.split(";"))
        for entry in filter(None, entries):
            name, _, words = entry.partition("=")
            command = next((item for item in COMMANDS if item == name.strip()), None)
            if command is None or not words.split():
                raise ValueError(f"must be command=word tr:word; …, with the commands {', '.join(COMMANDS)}")
            for item in words.split():
                language, _, spelled = item.rpartition(":")
                word = Word(command=command, text=spelled, language=language or None)
                if self._words.setdefault(fold(spelled), word).command != command:
                    raise ValueError(f"{spelled} is a word of two commands")

    def find(self, text: str) -> Word | None:
        """The word that a message consists of, or None where it says more or something else."""
        return self._words.get(fold(text.strip().rstrip(".!")))

    def word_for(self, command: Command, language: str) -> str:
        """How a customer of a language is told to spell a command."""
        words: Mapping[str | None, str] = {
            word.language: word.text for word in reversed(self._words.values()) if word.command == command
        }
        return words.get(language) or words.get(None) or next(iter(words.values()), f"/{command}")
