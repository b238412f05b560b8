"""Without a model: recognise the error that the message names and say what usually helps."""

import re

from frontdesk.agentkit.answering import answer_by_rules, is_danger
from frontdesk.domain.agents import AgentReply, AgentRequest
from frontdesk.domain.business import Business
from frontdesk.domain.words import fold

# Pattern (on folded text) → language → first steps. English stands in for languages that are not here.
KNOWN: tuple[tuple[str, dict[str, str]], ...] = (
    (
        r"\b(password|sifre|passwort|contrasena|senha|mot de passe|login|log in|giris|giremiyor\w*)\b",
        {
            "en": "For the login: 1) use “forgot password” and look into the spam folder, 2) try a private window. "
            "Never send us your password or a code from an SMS.",
            "tr": "Giriş için: 1) “Şifremi unuttum”u kullanıp spam klasörüne bakın, 2) gizli pencerede deneyin. "
            "Şifrenizi veya SMS kodunu bize göndermeyin.",
        },
    ),
    (
        r"\b(5\d\d|sunucu|server|internal error|bad gateway)\b",
        {
            "en": "An error in the 500s is on our side, not yours: wait a minute and try once more; we check the server now.",
            "tr": "500'lü hatalar sizden değil bizden kaynaklanır: bir dakika bekleyip tekrar deneyin, sunucuyu kontrol ediyoruz.",
        },
    ),
    (
        r"\b(40[134]|permission|unauthorized|forbidden|yetki\w*)\b",
        {
            "en": "An error in the 400s is often an old link or a session that has ended: sign out, sign in, and open it again.",
            "tr": "400'lü hatalar çoğu zaman eski bir bağlantı ya da biten oturumdur: çıkış yapıp yeniden girin.",
        },
    ),
    (
        r"\b(wifi|wi-fi|internet|modem|router|baglanti\w*|connection)\b",
        {
            "en": "For the connection: 1) unplug the router for 30 seconds, 2) try another device, 3) tell us which lights are on.",
            "tr": "Bağlantı için: 1) modemi 30 saniye fişten çekin, 2) başka cihazla deneyin, 3) hangi ışıklar yanıyor yazın.",
        },
    ),
    (
        r"\b(crash\w*|freez\w*|froze\w*|dondu\w*|donuyor\w*|kapaniyor\w*|sturzt|bloquea|trava\w*|plante)\b",
        {
            "en": "For the crash: 1) update the app, 2) restart the device, 3) tell us its model and the app's version.",
            "tr": "Kapanma/donma için: 1) uygulamayı güncelleyin, 2) cihazı yeniden başlatın, 3) model ve sürümü yazın.",
        },
    ),
)  # fmt: skip


def answer(request: AgentRequest, business: Business) -> AgentReply | None:
    """The common answer with the steps for the error that is named, or None where none is known."""
    if is_danger(request.analysis):
        return None
    folded = fold(request.message)
    for pattern, steps in KNOWN:
        if re.search(pattern, folded):
            common = answer_by_rules("code_debugger", request, business)
            text = steps.get(request.analysis.language, steps["en"])
            return common.model_copy(update={"reply": f"{common.reply} {text}", "confidence": 0.45})
    return None
