"""Words of courtesy: a greeting or thanks, which answer nothing and ask nothing."""

from __future__ import annotations

import re
from enum import StrEnum

from channels.text import fold


class Courtesy(StrEnum):
    """The value is the key of the phrase that answers it."""

    HELLO = "hello"
    THANKS = "you_are_welcome"


_HELLO = re.compile(
    r"(?:你好|您好|妳好|哈喽|哈啰|哈囉|嗨|喂|在吗|在嗎|在么|在不在|有人吗|有人嗎|早上好|早安|上午好|中午好|下午好|晚上好)"
    r"(?:呀|啊|哦|哈)?"
    r"|(?:hi+|hello|hey|hiya|howdy|good (?:morning|afternoon|evening|day)|greetings)"
    r"(?: there| again| all)?|(?:is )?any ?(?:one|body) there"
)
_THANKS = re.compile(
    r"(?:好的?|行|嗯)?[,， ]?(?:非常|十分|多|太)?(?:谢谢|謝謝|感谢|感謝|多谢|多謝|谢了|谢啦|辛苦了)(?:你们?|您|妳|啦|了|哦|啊|呀|哈)*"
    r"|(?:ok(?:ay)?,? |great,? |many |all right,? )?(?:thanks?(?: you)?|thx|ty|cheers|much appreciated)"
    r"(?: so much| very much| a lot| again| for your (?:help|time))*"
)
_END = " ,，.。!！?？~～\n"
_EMOJI = re.compile(r"[\U0001f300-\U0001faff☀-➿]+")


def read_courtesy(text: str) -> Courtesy | None:
    """The courtesy that is the whole of the text.

    >>> read_courtesy("你好！"), read_courtesy("Thank you so much 🙏"), read_courtesy("thanks, 5")
    (<Courtesy.HELLO: 'hello'>, <Courtesy.THANKS: 'you_are_welcome'>, None)
    """
    said = _EMOJI.sub("", fold(text).text).strip(_END)
    if _HELLO.fullmatch(said):
        return Courtesy.HELLO
    return Courtesy.THANKS if _THANKS.fullmatch(said) else None
