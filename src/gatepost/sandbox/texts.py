"""What providers write, word for word as they have published it or as senders have quoted it, with placeholder data.

One mapping per style: fate → reply, lines separated by a newline, each with its code. Placeholders: ``{rcpt}``, ``{ip}``,
``{domain}`` (the sender's), ``{host}`` (the receiver's) and ``{id}``. What a style lacks is said in Postfix's words.
``greeting_block`` and ``greeting_busy`` are said instead of a greeting.
"""

from collections.abc import Mapping
from typing import Final

POSTFIX: Final[Mapping[str, str]] = {
    "unknown": "550 5.1.1 <{rcpt}>: Recipient address rejected: User unknown in virtual mailbox table",
    "disabled": "550 5.2.1 <{rcpt}>: Recipient address rejected: This mailbox has been disabled",
    "full": "552 5.2.2 <{rcpt}>: Recipient address rejected: Mailbox full, quota exceeded",
    "greylist": "450 4.2.0 <{rcpt}>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/{host}.html",
    "busy": "451 4.3.0 <{rcpt}>: Temporary lookup failure",
    "rate": "450 4.7.1 Error: too much mail from {ip}",
    "block": "554 5.7.1 Service unavailable; Client host [{ip}] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/{ip}",
    "spam": "554 5.7.1 Spam message rejected; If this is not spam contact abuse team",
    "policy": "554 5.0.0 Transaction failed",
    "dkim": "550 5.7.26 Message from {domain} refused: DKIM signature did not verify",
    "greeting_block": "554 5.7.1 Service unavailable; Client host [{ip}] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/{ip}",
    "greeting_busy": "421 4.7.0 {host} Error: too many connections from {ip}",
}

EXIM: Final[Mapping[str, str]] = {
    "unknown": "550 No Such User Here",
    "disabled": "550 <{rcpt}>: Account disabled",
    "full": "552 <{rcpt}>: Mailbox is full / Blocks limit exceeded / Inode limit exceeded",
    "greylist": "451 Greylisted, please try again later",
    "busy": "451 Temporary local problem - please try later",
    "rate": "450 Too many messages from {ip} within the last hour, slow down",
    "block": "550 {ip} is listed at zen.spamhaus.org (127.0.0.2: https://www.spamhaus.org/query/ip/{ip})",
    "spam": "550 This message was classified as SPAM and may not be delivered",
    "policy": "550 Administrative prohibition",
    "dkim": "550 DKIM: encountered the following problem validating {domain}: bodyhash_mismatch",
    "greeting_block": "554 {host} No SMTP service: {ip} is listed at zen.spamhaus.org",
    "greeting_busy": "421 Too many concurrent SMTP connections; please try again later.",
}

GOOGLE: Final[Mapping[str, str]] = {
    "unknown": (
        "550-5.1.1 The email account that you tried to reach does not exist. Please try\n"
        "550-5.1.1 double-checking the recipient's email address for typos or\n"
        "550-5.1.1 unnecessary spaces. For more information, go to\n"
        "550 5.1.1  https://support.google.com/mail/?p=NoSuchUser {id} - gsmtp"
    ),
    "disabled": (
        "550-5.2.1 The email account that you tried to reach is inactive. For more\n"
        "550-5.2.1 information, go to\n"
        "550 5.2.1  https://support.google.com/mail/?p=DisabledUser {id} - gsmtp"
    ),
    "full": (
        "452-4.2.2 The recipient's inbox is out of storage space. Please direct the\n"
        "452-4.2.2 recipient to\n"
        "452 4.2.2  https://support.google.com/mail/?p=OverQuotaTemp {id} - gsmtp"
    ),
    "greylist": "451 4.3.0 Mail server temporarily rejected message. {id} - gsmtp",
    "busy": "421 4.3.0 Temporary System Problem.  Try again later (10). {id} - gsmtp",
    "rate": "421 4.7.0 Try again later, closing connection. {id} - gsmtp",
    "block": (
        "550-5.7.1 [{ip}] Our system has detected that this message is\n"
        "550-5.7.1 suspicious due to the very low reputation of the sending IP address.\n"
        "550-5.7.1 To protect our users from spam, the message has been blocked.\n"
        "550-5.7.1 For more information, go to\n"
        "550 5.7.1  https://support.google.com/mail/answer/188131 {id} - gsmtp"
    ),
    "spam": (
        "550-5.7.1 [{ip}      12] Gmail has detected that this message is likely\n"
        "550-5.7.1 unsolicited mail. To reduce the amount of spam sent to Gmail, this\n"
        "550-5.7.1 message has been blocked. For more information, go to\n"
        "550 5.7.1  https://support.google.com/mail/?p=UnsolicitedMessageError {id} - gsmtp"
    ),
    "dkim": (
        "550-5.7.26 This mail has been blocked because the sender is unauthenticated.\n"
        "550-5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM.\n"
        "550-5.7.26 \n"
        "550-5.7.26  Authentication results:\n"
        "550-5.7.26  DKIM = did not pass\n"
        "550-5.7.26  SPF [{domain}] with ip: [{ip}] = did not pass\n"
        "550-5.7.26 \n"
        "550-5.7.26  For instructions on setting up authentication, go to\n"
        "550 5.7.26  https://support.google.com/mail/answer/81126#authentication {id} - gsmtp"
    ),
    "greeting_busy": "421 4.7.0 Try again later, closing connection. {id} - gsmtp",
}

MICROSOFT_365: Final[Mapping[str, str]] = {
    "unknown": "550 5.4.1 Recipient address rejected: Access denied. For more information see https://aka.ms/EXOSmtpErrors [{host} 2026-01-15T09:30:00.000Z {id}]",
    "disabled": "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {rcpt} not found by SMTP address lookup",
    "full": "452 4.2.2 STOREDRV.Deliver; mailbox full. The recipient's mailbox is full and can't accept messages now. [{host}]",
    "greylist": "450 4.7.0 Requested action not taken: greylisted, please try again later. [{host}]",
    "busy": "451 4.7.500 Server busy. Please try again later from [{ip}]. (S77719) [{host} 2026-01-15T09:30:00.000Z {id}]",
    "rate": "451 4.7.500 Server busy. Please try again later from [{ip}]. (S77719) [{host} 2026-01-15T09:30:00.000Z {id}]",
    "block": "550 5.7.606 Access denied, banned sending IP [{ip}]. To request removal from this list please visit https://sender.office.com/ and follow the directions. [{host} {id}]",
    "spam": "550 5.7.1 Service unavailable, message identified as SPAM by content filter. For more information see https://aka.ms/EXOSmtpErrors [{host} {id}]",
    "policy": "554 5.2.0 STOREDRV.Deliver.Exception; Failed to process message due to a permanent exception [{host}]",
    "dkim": "550 5.7.515 Access denied, sending domain {domain} does not meet the required authentication level. The sender's domain in the 5322.From address doesn't meet the authentication requirements defined for the sender. DKIM= Fail [{host} 2026-01-15T09:30:00.000Z {id}]",
    "greeting_busy": "451 4.7.500 Server busy. Please try again later from [{ip}]. (S77719) [{host} {id}]",
}

OUTLOOK: Final[Mapping[str, str]] = MICROSOFT_365 | {
    "unknown": "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [{host} 2026-01-15T09:30:00.000Z {id}]",
    "disabled": "550 5.2.1 Requested action not taken: mailbox disabled. [{host} {id}]",
    "full": "552 5.2.2 Requested mail action aborted: exceeded storage allocation, mailbox full. [{host} {id}]",
    "busy": "451 4.3.2 Service currently unavailable [{host} {id}]",
    "block": "550 5.7.1 Unfortunately, messages from [{ip}] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3150). You can also refer your provider to http://mail.live.com/mail/troubleshooting.aspx#errors. [{host} {id}]",
}

YAHOO: Final[Mapping[str, str]] = {
    "unknown": "554 delivery error: dd This user doesn't have a yahoo.com account ({rcpt}) [0] - {host}",
    "disabled": "554 30 Sorry, your message to {rcpt} cannot be delivered. This mailbox is disabled (554.30).",
    "full": "552 5.2.2 <{rcpt}> mailbox is over quota - {host}",
    "busy": "451 4.3.2 Internal error reading data, please try again later - {host}",
    "rate": "421 4.7.0 [TSS04] Messages from {ip} temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes",
    "block": "553 5.7.1 [BL21] Connections will not be accepted from {ip}, because the ip is in Spamhaus's list; see https://postmaster.yahooinc.com/error-codes",
    "spam": "554 Message not allowed - [PH01] Email not accepted for policy reasons. Please visit https://postmaster.yahooinc.com/error-codes",
    "dkim": "554 5.7.9 Message not accepted for policy reasons. DKIM signature of {domain} did not verify. See https://postmaster.yahooinc.com/error-codes",
    "greeting_block": "553 5.7.1 [BL21] Connections will not be accepted from {ip}, because the ip is in Spamhaus's list; see https://postmaster.yahooinc.com/error-codes",
    "greeting_busy": "421 4.7.0 [TSS04] Messages from {ip} temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes",
}

GMX: Final[Mapping[str, str]] = {
    "unknown": (
        "550-Requested action not taken: mailbox unavailable\n"
        "550 For explanation visit https://postmaster.gmx.net/en/error-messages?ip={ip}&c=rmu"
    ),
    "full": (
        "552-Requested mail action aborted: exceeded storage allocation\n"
        "552-Quota exceeded. The recipient's mailbox is full.\n"
        "552 For explanation visit https://postmaster.gmx.net/en/error-messages?ip={ip}&c=quot"
    ),
    "greylist": "451 Requested action aborted: greylisted, please try again later ({host})",
    "busy": "451-Requested action aborted: local error in processing\n451 Please try again later.",
    "rate": "421-gmx.net ({host}) Nemesis ESMTP Service not available\n421 Too many connections from {ip}, please try again later.",
    "block": (
        "554-Transaction failed\n"
        "554-IP address is block listed.\n"
        "554 For explanation visit https://postmaster.gmx.net/en/error-messages?ip={ip}&c=bl"
    ),
    "spam": (
        "554-Transaction failed\n"
        "554-Reject due to policy restrictions: message content looks like spam.\n"
        "554 For explanation visit https://postmaster.gmx.net/en/error-messages?ip={ip}&c=hi"
    ),
    "policy": "554 Transaction failed",
    "dkim": (
        "550-Requested action not taken: message refused\n"
        "550-DKIM signature of {domain} did not verify.\n"
        "550 For explanation visit https://postmaster.gmx.net/en/error-messages?ip={ip}&c=auth"
    ),
    "greeting_block": (
        "554-gmx.net ({host}) Nemesis ESMTP Service not available\n"
        "554-No SMTP service\n"
        "554-IP address is block listed.\n"
        "554 For explanation visit https://postmaster.gmx.net/en/error-messages?ip={ip}&c=bl"
    ),
    "greeting_busy": "421-gmx.net ({host}) Nemesis ESMTP Service not available\n421 Too many connections from {ip}, please try again later.",
}

APPLE: Final[Mapping[str, str]] = {
    "unknown": "550 5.1.1 <{rcpt}>: user does not exist",
    "disabled": "550 5.2.1 <{rcpt}>: inactive email address",
    "full": "552 5.2.2 <{rcpt}>: user is over quota",
    "greylist": "450 4.7.1 <{rcpt}>: Recipient address rejected: greylisted, please try again later",
    "busy": "451 4.3.0 <{rcpt}>: Temporary server error. Please try again later.",
    "rate": "421 4.7.1 [HC01] Too many connections from {ip}, try again later",
    "block": "550 5.7.1 Mail from IP {ip} was rejected due to listing in Spamhaus SBL. For details please see https://www.spamhaus.org/query/ip/{ip}",
    "spam": "554 5.7.1 [CS01] Message rejected due to local policy. Please visit https://support.apple.com/en-us/HT204137",
    "dkim": "550 5.7.1 Your message was rejected because its DKIM signature ({domain}) did not verify. See https://support.apple.com/en-us/HT204137 for info",
    "greeting_busy": "421 4.7.1 [HC01] Too many connections from {ip}, try again later",
}
