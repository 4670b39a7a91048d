"""The words by which a bounce in prose is known: that mail failed or waits, where the original begins, who speaks.

Written from what mail servers and providers send, in the languages they send it in. Every pattern is matched against
lower-case text on one line; none has an unbounded gap.
"""

import re

# Failure, in a subject or in the opening words.
_FAILURE = (
    # English
    r"undeliver(?:able|ed|y)|non-?deliver|nondeliverable",
    r"(?:could not|couldn'?t|can ?not|can'?t|was not|wasn'?t|were not|weren'?t|not|not be|never) (?:be )?(?:\w+ )?deliver(?:ed|y|able)?\b",
    r"deliver(?:y|ies)?\b.{0,40}\b(?:fail|problem|error|abort|impossible|unsuccessful|refused|rejected)",
    r"(?:fail|problem|error|unable|trouble|difficult|impossible|not able|abort)\w{0,12}\b.{0,40}\bdeliver",
    r"delivery status|delivery notification|delivery report|delivery incomplete|delivery subsystem",
    r"return(?:ed|ing) (?:mail|message|to sender|e-?mail)|mail returned|message returned|email returned",
    r"failure notice|failed mail|mail failure|mail error|mail system error|message status|nondelivery",
    r"did not reach|has not been delivered|not delivered to|have not been delivered|did not receive this message",
    r"(?:mail|message|e-?mail).{0,30}\b(?:could not|couldn'?t|cannot|can'?t|unable|failed|fails) (?:to )?(?:be )?(?:sent|send|accepted|processed|forwarded|relayed)",
    r"address(?:es)? (?:not found|had (?:permanent|transient|delivery)|failed|couldn'?t be found)|address\(es\) failed",
    r"recipients? (?:was|were|is|has been|have been)? ?(?:rejected|refused|not found|affected|unknown)",
    r"rejected (?:your )?(?:mail|message|e-?mail|recipient|by)|automatically rejected|was rejected|message blocked|mail blocked",
    r"user unknown|unknown user|no such user|mailbox (?:is |was )?(?:full|unavailable|exceeds)|mailbox exceeds|over ?quota",
    r"(?:invalid|unknown|bad) (?:user|recipient|final delivery|address)|not a valid user|did not exactly match",
    r"error (?:while |in )?(?:sending|delivering)|error sending your mail|nameserver error|loop alert|duplicated message-id",
    r"account (?:is |has been |was )?(?:disabled|locked|suspended|closed|inactive)|not listed in",
    r"(?:trouble|problem) delivering|wasn'?t able to deliver|not able to deliver|unable to deliver|message not sent",
    r"you may not have permission to post|may not exist, or you|not allowed to post|bounce(?:d)? (?:message|mail|e-?mail)",
    # German
    r"unzustellbar|nicht zugestellt|zustell(?:fehler|ung|bericht)|konnte nicht (?:\w+ )?(?:aus|zu)geliefert|nicht zustellen|zurueckgewiesen|zur(?:ü|u)ckgewiesen",
    r"fehler bei der (?:zustellung|(?:ü|u)bermittlung)|nicht (?:\w+ )?(?:ausgeliefert|(?:ü|u)bermittelt)|gruppe.{0,60}nicht vorhanden",
    # French
    r"non remis|n'a pas (?:pu |ete |été )?(?:etre |être )?(?:\w+ )?(?:delivre|délivr|remis|distribu|achemin|livr)|(?:é|e)chec de (?:la )?(?:remise|livraison|distribution|l'envoi)|non distribu|impossible de (?:remettre|distribuer|livrer)|message non (?:délivr|transmis)",
    # Spanish
    r"no (?:se )?(?:ha |pudo |puede |fue |pudo ser )+(?:podido )?(?:ser )?(?:entrega|envia)|no entregado|no se entreg|devuelto|falla? (?:en|de) (?:la )?entrega|error (?:de|en la) entrega|imposible entregar|quizás no exista",
    # Portuguese
    r"n(?:ã|a)o (?:\w+ ){0,3}(?:entreg|envi)|falha (?:na|de|ao) entreg|n(?:ã|a)o entregue|devolvid[ao]|mensagem devolvida",
    # Italian
    r"mancato recapito|impossibile (?:recapitare|consegnare|inviare)|non (?:\w+ ){0,3}(?:recapitat|consegnat|inviat)|errore (?:di|nella) consegna",
    # Dutch
    r"onbestelbaar|niet (?:\w+ ){0,2}(?:bezorgd|besteld|afgeleverd|bezorgen|afleveren|worden verzonden)",
    # Polish, Czech, Slovak
    r"nie (?:\w+ ){0,3}dostarcz|niedostarcz|nie dor(?:ę|e)cz|zwrot (?:wiadomo|poczty)|nedoru(?:č|c)iteln|nelze doru(?:č|c)it|nebyla doru(?:č|c)ena|nedoru(?:č|c)en",
    # Russian, Ukrainian
    r"не (?:\S+ ){0,3}доставлен|недоставлен|не удалось (?:\S+ ){0,2}доставить|не доставлен|не может быть доставлен|ошибка доставки|возврат|неможливо доставити|не вдалося доставити",
    # Danish, Norwegian, Swedish, Finnish, Estonian, Latvian, Lithuanian
    r"(?:kunne|kan|blev|ble) ikke (?:\w+ )?lever|ikke lever(?:t|et)|kunne ikke sende|kan inte levereras|kunde inte (?:\w+ )?levere|olevererbar|inte levererats|ei voitu (?:\w+ )?toimittaa|toimittaminen .{0,30}ep(?:ä|a)onnistui|perille toimit|ei (?:\S+ ){0,2}(?:toimetatud|edastada|kohale|(?:õ|o)nnestunud)|nevar(?:ēja|eja)? piegādāt|nav piegādāt|nepavyko pristatyti|nepristaty",
    # Hungarian, Romanian, Turkish, Greek, Hebrew
    r"k(?:é|e)zbes(?:í|i)thet(?:ő|o|et)|nem k(?:é|e)zbes|nu a (?:putut fi|fost) (?:livrat|trimis)|nelivrat|teslim edilem|iletilem|gönderilem|δεν (?:\S+ ){0,4}(?:παραδ|αποστ|υπάρχ)|αδύνατη η παράδοση|(?:לא|אינה|אין) (?:\S+ ){0,3}(?:נמסר|ניתן|קיימת|נשלח)",
    # Japanese
    r"(?:配信|配送|送信|配達|送達|転送)(?:する|を)?(?:こと)?(?:が|は|も)?(?:で(?:き|来)ません|できなかった|でき無|不能|失敗|エラー|に失敗)|お届けできません|届きませんでした|送れませんでした|エラーメール|宛先.{0,20}見つかりません|見つかりませんでした|返送|権限がない可能性|受信できません|存在しない",
    # Chinese, Korean
    r"退信|退件|退回|(?:无法|無法|未能|不能)(?:被)?(?:送达|送達|投递|投遞|传递|傳遞|发送|發送|递送|传送|傳送)|投递失败|传递失败|傳遞失敗|发送失败|寄送失敗|배달(?:할 수|되지|하지|이 되지)|전송(?:할 수|되지|에 실패|실패)|반송|전달(?:할 수|되지)|배달 실패",
    # Hindi, Arabic, Thai, Vietnamese
    r"मौजूद न हो|वितरित नहीं|تعذر (?:تسليم|إرسال)|لم يتم تسليم|ไม่สามารถ(?:ส่ง|นำส่ง)|không (?:thể )?(?:gửi|chuyển)",
)  # fmt: skip
FAILURE = re.compile("|".join(_FAILURE))

# It waits, and will be tried again.
DELAY = re.compile(
    r"delayed|delivery delay|delay(?:ed)? (?:mail|notification|notice)|\(delay\)|warning message only|this is (?:only |just )?a warning"
    r"|not (?:yet )?been delivered(?: yet| because| after| within)|will (?:be retried|continue to (?:be )?(?:try|attempt|retried)|keep trying|try again|retry)"
    r"|still being retried|temporary failure report|could not (?:send|be delivered)(?: mail| message)? for (?:past|more than|the (?:past|last))"
    r"|verz(?:ö|o)gert|retard(?:é|e)|demorad|retrasad|atrasad|ritardat|vertraagd|op(?:ó|o)(?:ź|z)nion|задерж|отложен|försenad|forsinke"
    r"|遅延|遅れて|延迟|延遲|지연"
)
# Stronger: somebody has given up.
GIVEN_UP = re.compile(
    r"giv(?:en|ing) up|permanent(?:ly)? (?:error|fail|fatal)|failed permanently|permanent errors?|fatal errors?|will be deleted from queue|no further attempts"
    r"|not going to try again|\(failure\)|returned to sender|max\w* (?:retry|delivery attempts)|undeliverable|could not be delivered for \d+ (?:day|hour)s?\s+message will be deleted"
)
SUCCESS = re.compile(
    r"successful(?:ly)? (?:mail )?deliver|delivered successfully|\(success\)|successful mail delivery|was successfully delivered"
    r"|has been successfully (?:delivered|relayed)|delivered to the following (?:recipient|address)"
)
RELAYED = re.compile(r"\(relay(?:ed)?\)|^relayed:|was relayed|has been relayed")

# Who sends bounces, and nothing else to a return path …
DAEMON = re.compile(
    r"mailer-?daemon|post_?master|mail[ .]?deliver|maildelivery|mdaemon|mail[ .]?system|mail[ .]?administrator|system[ .]?administrator"
    r"|delivery[ .]?(?:subsystem|system|agent|service|notif)|interscan|viruswall|jetmail|inetgw|undeliver|e?mail[ .]?(?:engine|gateway|router|server)"
    r"|(?:^|<)mailer\b|automated response|ndr@|<>|^$"
)
# … and who sends anything.
MACHINE = re.compile(r"no-?reply|do-?not-?reply|bounce|smtp|mta@|inet-?admin|sysop|notif|admin@")

# Where the report ends and the original begins.
MARK = re.compile(
    r"^[ \t>]{0,6}(?:"
    r"[-=*_|]++[ \t]*+(?!the (?:following|original message was))[^\n]{0,40}\b(?:copy|original|unsent|returned|undelivered|header|headers|below this line|attached message|message follows|text follows)\b[^\n]{0,60}"
    r"|(?:the )?original (?:message|mail)(?: headers?| details?| as received| text)?[^\n]{0,30}(?:follows?|attached|below|is as follows|as follows)[.:]{0,3}"
    r"|(?:original|returned|undelivered) message(?: headers?)?:"
    r"|(?:message|returned message|mail) headers? follows?[.:]?"
    r"|(?:below is|included is|enclosed is|attached is|here is|this is) a (?:copy|transcript) of (?:the|your)[^\n]{0,60}"
    r"|old message:|-----original message-----"
    r"|ursprüngliche nachrichtenk[^\n]{0,30}|originalnachricht[^\n]{0,20}:|en-t[êe]tes (?:de|du) message[^\n]{0,30}|encabezados? (?:de|del) mensaje[^\n]{0,30}"
    r"|cabeçalhos? d[aeo] mensage[^\n]{0,30}|intestazioni (?:originali|del messaggio)[^\n]{0,30}|oorspronkelijke berichtkoppen[^\n]{0,20}|oryginalne nagłówki[^\n]{0,30}"
    r"|исходные заголовки[^\n]{0,30}|元のメッセージ(?: ヘッダー)?[^\n]{0,10}:|原始邮件[^\n]{0,10}[:：]|原始郵件[^\n]{0,10}[:：]|원본 메시지[^\n]{0,10}:|以下是原始|以下为原"
    r")[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
# Or simply begins.
HEADER_RUN = re.compile(
    r"^(?:>?[ \t]{0,8})(?:Return-Path|Received|X-Received|DKIM-Signature|ARC-Seal|Delivered-To|X-Original-To|MIME-Version)[ \t]*:[ \t]*\S",
    re.IGNORECASE | re.MULTILINE,
)
# Exchange: what follows repeats the recipients for administrators.
FOR_ADMINISTRATORS = re.compile(
    r"(?:diagnostic information for administrators|diagnoseinformationen für administratoren|informations de diagnostic (?:pour|destinées)"
    r"|información de diagnóstico para|informações de diagnóstico para|informazioni di diagnostica per|diagnostische gegevens voor|informacje diagnostyczne dla"
    r"|диагностические сведения для|管理者向けの診断情報|供管理员使用的诊断信息|管理員適用的診斷資訊|관리자용 진단 정보|diagnostisk information)",
    re.IGNORECASE,
)

_ADMINISTRATORS = ("administ", "amministr", "beheerder", "администратор", "管理", "관리자")


def names_administrators(text: str) -> bool:
    """Whether the above may be in a text: finding out is cheaper than looking."""
    lowered = text.lower()
    return any(word in lowered for word in _ADMINISTRATORS)


# The last words in front of an address that failed …
TO = (
    " in", " to", " for", " recipient", " recipients", " recipient address", " rcpt to", " rcpt", " error",
    " errors", " attempt", " attempts", " userid", " user id", " user", " account", " mailbox", " failed",
    " full", " address", " addresses", " addressed", " alias", " undeliverable", " recipient s",
    " address es", " host", " generated by", " an", " a", " à", " para", " per", " voor", " do", " till", " til", " na",
    " на", " для", " кому", " ящик", " пользователь", " пользователя", " empfänger", " empfängern",
    " destinataire", " destinataires", " destinatario", " destinatarios", " destinatari", " destinatária",
    " ontvanger", " ontvangers", " odbiorca", " odbiorcy", " odbiorców", " mottagare", "受信者", "宛先", "收件人",
    "あて先", "アドレス", "地址",
)  # fmt: skip
# … and of one that did not.
NOT_TO = (
    " from", " sender", " sender address", " sent by", " by", " contact", " contacting", " reply to",
    " cc", " forwarded by", " support at", " help at", " ask", " us at", " us via", " contact us",
    " write to", " please contact", " please email", " please e mail", " mail us", " send email to",
    " send e mail to", " send mail to", " send an email to", " send an e mail to", " send a mail to",
    " send a message to", " send message to", " via", " assistance", " question", " questions", " hello",
    " hi", " dear", " message id", " references", " return path", " originator", " von", " de",
    " de la part de", " от", " absender", " expéditeur", " remitente", " remetente", " mittente",
    " afzender", " avsändare", " contacter", " kontaktieren", " kontaktieren sie", " envoyé par",
    " by user", " sender rfc822", "送信者", "发件人", "寄件者", "ご連絡",
)  # fmt: skip
SENDER_LINE = re.compile(
    r"^[\s>]*(?:from|sender|cc|bcc|reply-?to|message-?id|return-path|original sender|mail from|sender address|x-postfix-sender|references|in-reply-to"
    r"|errors-to|reporting-mta|subject|betreff|objet|asunto|von|de|от|delivered-to|list-[a-z]+|x-[a-z-]+|received|sent by|sender-mta|envelope-from|sender:)\s*:",
    re.IGNORECASE,
)
