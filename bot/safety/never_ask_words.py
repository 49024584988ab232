"""The words of the never-ask rule, zh and en: what is secret, what asks, what takes an ask back."""

from __future__ import annotations

import re

# Signs put between characters to slip past a filter: 密.码, 验 证 码. Never across a line or clause.
_LOOSE = r"[ .·•*_\-|~/、]{0,2}"
_BETWEEN_HANZI = re.compile(r"(?<=[\u4e00-\u9fff])(?=[\u4e00-\u9fff])")


def pattern(source: str) -> re.Pattern[str]:
    r"""Compiled so that \b stands between Latin letters and Chinese characters too."""
    return re.compile(source, re.ASCII)


def loose(source: str) -> str:
    """A pattern that also matches with signs between its Chinese characters."""
    return _BETWEEN_HANZI.sub(_LOOSE.replace("\\", r"\\"), source)


# Numbers of which the last four digits may be asked for.
_NUMBERS_ZH = r"完整卡号|银行卡号|信用卡号|储蓄卡号|银行卡|信用卡|卡号|银行账号|完整账号|银行账户号|身份证号码|身份证号|身份证|证件号码|证件号|护照号码|护照号|护照|(?:那|这)?(?:四|4)位(?:数字|数)|iban"
_NUMBERS_EN = (
    r"(?:full\s+|entire\s+|whole\s+|complete\s+)?(?:(?:credit|debit|bank|visa)\s+)?card\s*(?:number|no\b|details?|info\w*|data)|\b(?:credit|debit)\s+card\b|long\s+number"
    r"|(?:16|sixteen|19)[\s-]?digits?(?:\s+number)?|\bpan\b|(?:full\s+|bank\s+)+account\s+(?:number|details)|\biban\b|\bid\s+(?:number|no\b|card)|identity\s+(?:card|number|document)"
    r"|passport(?:\s+(?:number|no\b|details))?|\bssn\b|social\s+security(?:\s+number)?|national\s+id|document\s+number|driver'?s?\s+licen[cs]e"
)
_SECRETS_ZH = (
    r"密码|口令|pin码|验证码|校验码|动态码|确认码|认证码|短信码|备份码|恢复码|助记词|助忆词|恢复词|种子词|种子短语|恢复短语|私钥|密钥文件|密钥|安全码|卡背面.{0,3}三位"
    r"|卡片?有效期|信用卡有效期|身份证照片|身份证正反面|身份证原件|身份证复印件|手持身份证|护照照片|银行卡照片|自拍视频|人脸视频|刷脸视频|(?:那|这)?(?:六|6)位(?:数字|数|码)|(?:那|这)串数字|(?:12|24|十二|二十四)个?(?:单词|词)"
    r"|\bmima\b|yanzhengma|zhujici|\bsiyao\b"
)
_SECRETS_EN = (
    r"pass\s?words?|pass\s?codes?|pass\s?phrases?|\bpwd\b|\bpins?\b(?!\s+(?:this|the|it|message|chat)\b)|pin\s+(?:code|number)|\botp\b|\b2fa\b|one[\s-]?time\s+(?:code|pin|password|passcode)"
    r"|(?<!promo )(?<!error )(?<!zip )(?<!postal )(?<!country )(?<!area )(?<!referral )(?<!invite )(?<!coupon )(?<!discount )(?<!voucher )(?<!qr )(?<!sort )(?<!swift )(?<!status )(?<!dress )(?<!reference )(?<!case )(?<!gift )"
    r"\bcodes?\b|recovery\s+(?:phrase|words)|seed\s*(?:phrase|words)?s?\b|(?:secret|backup|mnemonic|security|12|24|twelve|twenty[\s-]four)\s+(?:phrase|words)|mnemonics?|private\s+keys?|secret\s+keys?|wallet\s+keys?|key\s?store(?:\s+file)?|\bxprv\b"
    r"|\bcv[vc]2?\b|expir(?:y|ation)(?:\s+date)?|security\s+(?:answer|question)s?|(?:three|3)\s+digits\s+on\s+the\s+back|(?:the|those|these|that)\s+(?:six|6|four|4)\s+digits"
    r"|(?:photo|picture|pic|scan|copy|screenshot|image|snapshot|selfie)s?\s+(?:of|with|holding)\s+(?:both\s+sides\s+of\s+|(?:the\s+)?front(?:\s+and\s+back)?\s+of\s+)?(?:your|the)\s+(?:\w+\s+){0,2}?(?:\bid\b|passport|licen[cs]e|cards?\b|phrase|screen)|selfie\s+video|id\s+(?:photo|picture|scan|selfie)|video\s+selfie"
)
NUMBER_NOUNS = pattern(loose(_NUMBERS_ZH) + "|" + _NUMBERS_EN)
SECRET_NOUNS = pattern(loose(_SECRETS_ZH) + "|" + _SECRETS_EN)
# For letters that stood apart ("p a s s w o r d"): word borders are lost there.
SPACED_NOUNS = pattern(
    r"password|passcode|passphrase|verificationcode|securitycode|seedphrase|recoveryphrase|privatekey|mnemonic|cardnumber|mima|yanzhengma"
)
LEET_WORDS = frozenset(
    [
        "password",
        "passwords",
        "passcode",
        "code",
        "codes",
        "pin",
        "seed",
        "phrase",
        "key",
        "private",
        "otp",
        "recovery",
        "mnemonic",
        "verification",
        "card",
    ]
)

# Asks by themselves: the thing is to come to us.
STRONG_VERBS = pattern(
    loose(
        r"(?:发|发送|提供|告诉|告知|给|报|报给|念|念给|读|读给|说|说给|回复|回复给|传|传给|转发|转发给|拍|拍给|截图|截图给|私信|私信给|分享|分享给|提交给|发送给|发给|交给|透露给|输|输给)"
        r"(?:一下给|一份给|到|下)?(?:我|我们|咱们|客服|专员|工作人员|本机器人|人工|坐席|助手|这边)(?!的)"
        r"|(?:发来|发过来|发送过来|传过来|报过来|报上来)(?!的|了)|发一下|报一下|念一下|说一下|说下|报下|发下|发到(?:这里|此处|本|聊天|对话|群|以下|下面|邮箱)|(?:回复|输入|填写|填|写|发|贴)(?:到|在)(?:这里|此处|下方|下面|本对话|聊天)"
        r"|(?:在|到)(?:这里|此处|下方|下面|本对话|聊天(?:里|框|窗口)?|对话框)(?:里|中|直接)?(?:输入|回复|填写|提供|发送|填)"
    )
    + r"|\b(?:send|tell|give|show|text|dm|message|e?mail|forward|read|pass|bring|slide|whatsapp|pm)\s+(?:it\s+to\s+|them\s+to\s+|that\s+to\s+|over\s+to\s+|back\s+to\s+|out\s+to\s+)?(?:me|us|support|our\s+(?:team|agent|support\w*|staff))\b"
    r"|\b(?:reply|respond|answer|get\s+back|come\s+back)\s+(?:(?:to\s+)?(?:me|us|here|this\s+message)\s+)?with\b|\bshare\b[\w\s,]{0,40}?\bwith\s+(?:me|us|support|our\b)|\blet\s+(?:me|us)\s+(?:have|see|know)\b"
    r"|\b(?:may|can|could|might|shall)\s+(?:i|we)\s+(?:please\s+)?(?:have|get|see|know|take|ask\s+for)\b|\b(?:i|we)(?:'ll|'d|\s+will|\s+do|\s+just|\s+also|\s+only|\s+still)?\s+(?:need|require|want)(?!\s+to\b)(?!\s+(?:\w+\s+){0,3}(?:days?|hours?|minutes?|moments?|time|weeks?)\b)\b"
    r"|\bwould\s+you\s+mind\s+(?:sharing|telling|giving|sending|typing)\b|\bwhat(?:'s|\s+is|\s+was|\s+are|s)\s+(?:your|ur|the\s+(?=(?:\w+\s+)?(?:code|pin|otp|password|passcode)\s*(?:\?|$|you|we|that|in|on)))|\b(?:what|which)\s+(?=(?:\w+\s+){0,2}(?:code|pin|otp|password)s?\s+(?:did|have|do)\s+you\b)|\b(?:send|forward|text|type|post|paste|read|tell|share|enter|put|drop|write)\s+(?:it|them|that|this|those)\b"
    r"|\b(?:type|enter|post|paste|put|drop|write|send|submit|reply|provide|share)\b[\w\s']{0,40}?\b(?:here|below|in\s+(?:this|the)\s+chat|in\s+(?:your\s+)?reply)\b"
)
# Ask only with a word of request before them.
WEAK_VERBS_ZH = pattern(
    loose(
        r"发送|提供|告诉|告知|输入|填写|回复|提交|上传|出示|核实|(?<!步)验证(?!码)|核对|分享|共享|转发|拍照|拍摄|拍(?!卖)|截图(?!里|中|上|前|时)|截屏|透露|补充|录制|念(?!头)|报(?!错|名|告|销|警)|填|(?<!签)发(?!给您|给你|卡|票|货|现|生|起|布|行|展|言)|说(?!明|法)|输(?!错)|给(?!这|您|你|本)"
    )
)
# "回复验证码即可领奖": the request comes after the verb.
REWARD_ZH = pattern(loose(r"即可|便可|就可|就能|才能|才可"))
REWARDED_VERBS_ZH = pattern(loose(r"回复|提供|告诉|告知|发送|发|报|转发|提交"))
REQUEST_ZH = pattern(
    loose(
        r"请|麻烦|烦请|劳烦|劳驾|您需要|你需要|需要您|需要你|需您|需你|要您|要你|务必|必须|把|将|立即|马上|赶紧|尽快|现在|要求|能(?=提供|发|说|告诉|给|报)|能否|可否|能不能|可不可以|可以|方便|帮忙|只要|只需|才能"
    )
)
WEAK_VERBS_EN = pattern(
    r"\b(?:send|provide|share|give|tell|type|enter|submit|confirm|verify|reply(?!\s+[\"']?\d)|forward|upload|show|read|input|text|post|paste|write(?!\s+down)|disclose|reveal|dm|pm|whatsapp|e-?mail|supply|attach|state|mention|quote|take|key\s+in|fill(?:\s+(?:in|out))?|hand\s+over|put\s+in|snap)\b"
)
# A question by itself: "您的密码是多少", "your PIN?"
QUESTIONS = pattern(
    loose(
        r"\s*(?:的?第\S{1,3}个?(?:词|位|字|单词)?)?(?:是|呢)?(?:多少(?!位|钱|次|个)|什么(?!意思|东西|用|时候|情况|原因|样)|啥(?!意思|用))"
    )
)
# All that may stand before the noun in "那您的验证码？", "and your PIN?"
BARE_QUESTION = pattern(
    loose(r"[\s'\"(]*(?:那|那么|请问|再|还有)?(?:(?:您|你)的?)?(?:短信|登录|支付|银行|手机)?")
    + r"|[\s'\"(]*(?:(?:and|so|ok|okay)[\s,]+)?(?:(?:your|the)\s+)?(?:\w+\s+){0,1}"
)
NEED_ZH = pattern(
    loose(
        r"(?:我们|我|这边|系统|客服)(?:还|也|只|会|将)?(?:需要|要)(?:您|你|知道|核实|核对|核验|验证)|需要(?:核对|核实|核验|知道|提供|确认|验证|一下){0,3}(?:您|你)(?:的|提供|本人的)?"
    )
)
YOUR = pattern(loose(r"(?:您|你)的?(?:\S{0,6})$") + r"|\byour\s+(?:\w+\s+){0,2}$")

NEGATION = pattern(
    loose(
        r"绝不|从不|永不|永远不|不会|不要|请勿|切勿|不得(?!不)|不能(?!不)|不可(?!不)|不应|不该|不需要|无需|无须|不用|不必|禁止|严禁|谢绝|拒绝|谨防|警惕|提防|避免|防止|从未|从来没|没有|未曾|勿|别(?!人|的|名|处|家|急|怕)|不(?=向|以|通过|在|把|将|发|提供|告诉|告知|索|透露|输|给|说|填)"
    )
    + r"|\b(?:do|does|did|will|would|should|must|can|could|is|are|need)(?:\s+not\b|n'?t\b)|\bnever\b|\bnot\b(?!\s+only)|\bcannot\b|\bno\s+(?:one|body|need|employee|staff|agent|member)\b|\bnobody\b|\bwithout\b|\bavoid\b|\brefuse\b|\bbeware\b|\bwon'?t\b|\bdon'?t\b|\bnone\s+of\b|\bneither\b|\bstop\b|\binstead\s+of\b|\brather\s+than\b"
)
# A negation that is none: "don't forget to send", "if you don't send".
FALSE_NEGATION = pattern(
    loose(
        r"能不能|可不可以|要不要|会不会|(?:如果|若|要是|假如|一旦|除非|再)(?:您|你)?(?:还|仍|再)?(?:不|没有?)|(?:不要|不用|别|勿|不必|无需)(?:忘|忘记|忘了|犹豫|担心|怕|害怕|急|着急|客气|紧张|介意|拖|耽误|怀疑)|不得不|不能不|不好意思|不便|不仅|不但|不妨|不只|不管|不论|没有?问题|没有?关系"
    )
    + r"|\b(?:if|unless|until|in\s+case)\s+(?:you|we|i)\s+(?:do\s+not|don'?t|did\s+not|didn'?t|cannot|can'?t|won'?t)|(?:do\s+not|don'?t|never)\s+(?:forget|hesitate|worry|be\s+afraid|delay|wait|panic)|not\s+only|why\s+(?:not|don'?t\s+you)|if\s+not|can'?t\s+you|couldn'?t\s+you|won'?t\s+you|(?:can(?:not|'t)|unable\s+to|won'?t\s+be\s+able\s+to)\s+(?:\w+\s+){1,4}(?:until|unless|without)"
)
# Someone else asks: a warning or a report, not our request.
OTHERS = pattern(
    loose(
        r"骗子|诈骗|冒充|假冒|自称|陌生人|钓鱼|可疑|任何人|有人|对方|凡是|他人|别人|不法分子|无论谁|谁(?:都|也)|第三方|任何(?:客服|员工|机构|理由|名义)"
    )
    + r"|\b(?:any\s?one|some\s?one|any\s?body|some\s?body|scammers?|fraudsters?|criminals?|phish\w*|impersonat\w*|strangers?|who\s?ever|thieves|they|people|callers?|others)\b"
)
ASIDE = pattern(
    loose(r"(?:是|为|属于)(?:\S{0,4})(?:骗子|诈骗|骗局|假的|钓鱼)")
    + r"|\b(?:is|are|it'?s)\s+(?:\w+\s+){0,3}(?:scam\w*|fraud\w*|fake|phishing|not\s+us)\b"
)
INQUIRY = pattern(
    loose(r"是否|有没有|有无|可曾|曾经|是不是|有把|过")
    + r"|\b(?:did|have|has|had|were|was)\s+(?:you|any\w*|some\w*)\b"
)
# Between verb and noun: the question is about something else than the secret.
ABOUT = pattern(
    loose(
        r"是否|有没有|能否|能不能|会不会|怎么|怎样|如何|为什么|何时|什么时候|哪里|哪一步|哪个|哪种|哪家|哪国|哪张|多久|几次|遇到|困难|原因"
    )
    + r"|\b(?:whether|if|how|when|where|why|which|trouble|problems?|issues?|difficult\w*|experience|received|arrived|happened|feedback|opinion)\b"
)
# Right before the noun: the secret is changed or kept, not told.
KEEPING = pattern(
    loose(
        r"(?:忘记|忘了|重置|修改|更改|更换|更新|设置|找回|备份|保管|保护|保存|改|设|收到|收不到|没收到|获取|创建|开启|关闭|绑定|解绑|添加|更换)(?:了|过|好|新|您|你|的?您的|你的|自己的)?$"
    )
    + r"|\b(?:forgot(?:ten)?|reset(?:ting)?|chang(?:e|ed|ing)|updat(?:e|ed|ing)|set(?:ting)?(?:\s+up)?|creat(?:e|ed|ing)|back(?:ed|ing)?\s+up|protect(?:ing)?|sav(?:e|ed|ing)|receiv(?:e|ed|ing)|stor(?:e|ed|ing)|bind|link(?:ed|ing)?|add(?:ed|ing)?|replac(?:e|ed|ing))\s+(?:your\s+|the\s+|a\s+|new\s+|my\s+)*$"
)
# The secret is to be made unreadable, or kept out.
HIDING = pattern(
    loose(r"(?:遮住|遮挡|隐藏|去掉|抹掉|涂掉|删除|不含|除去|打码)(?:了|掉)?(?:您的|你的)?$")
    + r"|\b(?:hid(?:e|ing)|cover(?:ing)?|mask(?:ing)?|remov(?:e|ing)|blur(?:ring)?|delet(?:e|ing)|without)\s+(?:your\s+|the\s+|any\s+)*$"
)
# "We do not record your password, feel free to type it" still asks.
PROMISES = pattern(
    loose(r"记录|保存|泄露|外泄|看到|看见|存储|储存|公开|外传")
    + r"|\b(?:record|store|save|keep|see|leak|misuse)\b"
)
PLEASE = pattern(r"[\s,]*(?:please|pls|plz|now)\b[\s.!?]*")
# Right after the noun: it is only the first half of another word or clause.
HEADS = pattern(
    loose(
        r"^(?:的)?(?:设置|重置|修改|找回|管理|登录|功能|页面|问题|收不到|没收到|没有收到|是否|有没有|困难|情况|时|丢失|忘记|已|未|错误|过期|备份|安全|保护|输入错|提示|报错|照片模糊|认证|验证(?!码)|绑定|审核|到期|挂失|冻结|补办|换卡|还款|额度|申请|使用|说明|教程|步骤|打码|种类|类型|发行|开户行)"
    )
    + r"|^'?s?\s*(?:reset|change|problem|issue|manager|settings?|step|screen|page|trouble|was|is|are|were|did(?!\s+you\s+(?:get|receive|see|set))|does|help|support|has|had|not|never|arriv\w*|verification|verified|application|delivery|status|limit|fees?|policy|expired|rejected|works?|worked|in\s+time|process|setup|security)\b"
)
LAST_FOUR = pattern(
    loose(r"(?:后|末|最后|尾)(?:四|4)(?:位|个)?|尾号")
    + r"|\b(?:last|final)\s+(?:4|four)\b|\bends?\s+(?:in|with)\b|\bending\b"
)
WHOLE = pattern(
    loose(r"完整|全部|整个|前(?:四|六|4|6)位|所有")
    + r"|\b(?:full|whole|entire|complete|all|first\s+(?:six|6|four|4))\b"
)

# Typed into the official app, not told to us.
TYPED = pattern(
    loose(r"输入|填写|填|确认|验证|核实|核对|提交|上传|拍照|拍摄|拍|出示|提供|录制|补充|输")
    + r"|enter|type|input|confirm|verify|submit|upload|take|key\s+in|fill\s+in|put\s+in|provide"
)
IN_APP = pattern(
    loose(
        r"(?:app|应用|客户端|官网|登录页|登录界面|注册页|设置页?|弹窗|界面|支付页|手机上|柜台|网点)|钱包(?:内|里|中|上)"
    )
    + r"|\b(?:in|on|inside|within|into|open|at|through|via)\s+(?:the\s+|our\s+|your\s+|its\s+)?(?:official\s+|secure\s+|mobile\s+|wallet\s+)*(?:\w+\s+)?(?:app|website|site|log-?in|sign-?in|settings|security\s+page|branch|atm|checkout|payment\s+page|login\s+page|login\s+screen|prompt)\b"
)
IN_CHAT = pattern(
    loose(r"聊天|这里|此处|本对话|对话框|回复|给我|给我们|给客服|下方|下面|链接")
    + r"|\b(?:here|chat|reply|this\s+conversation|below|to\s+us|to\s+me|tell\s+us|link)\b"
)
BY_US = pattern(
    loose(
        r"(?:我们|系统|平台|银行|短信|官方|app|我)(?:已经?|会|将|自动|正在|随后|稍后|再|就|刚|可以|能|不){0,3}(?:(?:把|将)[^，。]{0,10}|(?:为|给|向)(?:您|你))?$"
        r"|(?:已经?|会|自动|正在|点|点击|重新|获取|为您|给您|向您)$|将(?:会)?$"
    )
    + r"|\b(?:we|i|system|app|bank|sms|it|they)(?:'ll|'ve|\s+will|\s+have|\s+can|\s+may|\s+just|\s+already|\s+has)*\s+(?:\w+ly\s+)?$|\b(?:was|were|been|be|is|being|to\s+have)\s+$|\bhow\s+(?:to|do\s+i|can\s+i)\s+$|\bwhen\s+you\s+$|\b(?:tap|click|press|choose|select|hit)\s+(?:on\s+)?[\"'“]?$"
)
PRONOUN = pattern(
    loose(r"它|这个|这串|那个|那串|将其|把其|数字")
    + r"|\b(?:it|them|that|those|digits|this\s+(?:code|number))\b"
)
CLAUSE_BREAKS = pattern(
    r"[,，]|"
    + loose(
        r"但是|但|请(?!勿|不|别|您不|您勿|您别|问|求|放心)|不过|然而|而是|只需|只要|并且|并|然后|随后|再"
    )
    + r"|\b(?:but|however|except|unless|instead|then|just|only\s+(?:tell|give|send|share|to\s+(?:us|me))|and\s+(?:then|please|send|tell|give|share|reply|enter|type|forward))\b"
)
# A clause that goes on with the request of the one before.
GOES_ON = pattern(loose(r"(?:并且|并|然后|随后|再)"))
# The verb has no object of its own, so it takes the one before.
VERB_TAIL = pattern(
    r"(?:"
    + loose(r"一下|过来|(?:到|至)[^，。]{0,40}|给[^，。]{0,6}")
    + r"|it|them)?[\s,.!?;，。！？；]*"
)
SENTENCE_BREAKS = pattern(r"[。！？!?;；\n]+|\.(?=\s|$|[\u4e00-\u9fff])|…+")

# Things to do that are asked for only by thieves. Each has a verb and a noun.
_REMOTE = r"any\s?desk|team\s?viewer|to\s?desk|rust\s?desk|quick\s?support|remote\s+(?:access|control|desktop|assistance|session)"
ACTIONS = (
    pattern(
        loose(
            r"(?P<verb>打开|开启|授权|批准|开一下|下载|安装|加入|进入|启动|使用|配合|接受|同意|允许|进行|开始|开通|用)[^，。]{0,8}?(?P<noun>屏幕共享|共享屏幕|屏幕分享|远程控制|远程协助|远程桌面|向日葵|anydesk|teamviewer|todesk|rustdesk)"
        )
    ),
    pattern(loose(r"(?P<verb>共享|分享|投屏)(?:一下)?(?:您的?|你的?|手机|电脑)*(?P<noun>屏幕)")),
    pattern(
        loose(
            r"(?:请|先|需要|需|麻烦|您|你|立即|马上|把|将)[^，。]{0,16}?(?P<verb>转账|转移|转入|转到|转至|转|打款|打|汇款|汇|支付|付|充值|充|存入|存|发送)[^，。]{0,14}?(?P<noun>测试|试转|验证金|保证金|解冻金|安全账户|安全账号|指定账户|指定地址|以下地址|下面的?地址|下方地址|这个地址|该地址|以下账户|我们的地址)"
        )
    ),
    pattern(
        loose(
            r"(?:往|向|到|至)[^，。]{0,8}?(?P<noun>安全账户|安全账号|指定账户|指定地址|以下地址|以下账户|这个地址|该地址)[^，。]{0,6}?(?P<verb>转账|转|汇款|打款|充值|存入)"
        )
    ),
    pattern(
        loose(
            r"(?:请|先|需要|麻烦|做|进行|来)[^，。]{0,8}?(?:一?笔|个)?(?:小额|测试)(?:的)?(?P<verb>转账|转|打款|汇款|付款|交易)(?P<noun>)"
        )
    ),
    pattern(
        loose(
            r"(?:请|需要|麻烦|点击|在钱包|帮忙)[^，。]{0,14}?(?P<verb>签名|签署|授权|批准)(?P<noun>签名|[^，。]{0,8}?(?:请求|交易|消息|合约|钱包|确认|信息))"
        )
    ),
    pattern(loose(r"(?P<verb>录制|录|拍)[^，。]{0,6}?(?P<noun>自拍视频|人脸视频|自拍|眨眼|手持)")),
    pattern(
        rf"\b(?P<verb>install|download|open|run|start|use|join|accept|grant|allow|enable|give|launch)\b[\w\s,']{{0,24}}?(?P<noun>{_REMOTE}|screen[\s-]?shar\w*)"
    ),
    pattern(
        r"\b(?P<verb>share|sharing|turn\s+on|cast|mirror)\s+(?:me\s+|us\s+)?(?:your\s+|the\s+|phone\s+)*(?P<noun>screen)"
    ),
    pattern(
        r"\b(?P<verb>send|transfer|make|deposit|do|pay|move|wire)\b[\w\s,'$€£.]{0,36}?(?P<noun>test\s+(?:transfer|transaction|payment|amount|deposit)|small\s+(?:test\s+)?amount|safe\s+account|secure\s+account|holding\s+account|(?:this|following|our)\s+(?:wallet\s+)?address|address\s+below)"
    ),
    pattern(
        r"\b(?P<verb>sign|approve|authori[sz]e)\s+(?P<noun>(?:this|the|a|our|that)\s+(?:\w+\s+)?(?:message|request|transaction|signature|contract))|\b(?P<verb2>connect)\s+(?P<noun2>your\s+wallet)"
    ),
    pattern(
        r"\b(?P<verb>record|take|send|upload|shoot)\s+(?:me\s+|us\s+)?(?:a\s+|your\s+)?(?P<noun>(?:short\s+)?(?:selfie|video\s+of\s+(?:your\s+face|yourself)))"
    ),
)
