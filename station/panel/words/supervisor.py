"""The supervisor's pages in every language: by key, English, Chinese and Spanish side by side."""

from __future__ import annotations

_LANGUAGES = ("en", "zh", "es")

_TABLE: dict[str, tuple[str, str, str]] = {
    "nav.supervisor": ("Decisions", "待处理", "Decisiones"),
    "nav.shipping": ("Shipping", "出货", "Envíos"),
    # -- units held
    "held.title": ("Units set aside or in doubt", "搁置或存疑的产品", "Unidades apartadas o en duda"),
    "held.none": ("No unit waits for a decision.", "没有待处理的产品。", "Ninguna unidad espera una decisión."),
    "held.in_doubt": (
        "A call was sent and its answer was lost. Look at the server what became of it.",
        "请求已发送但应答丢失。请到服务器上查看结果。",
        "Se envió una petición y se perdió la respuesta. Mire en el servidor qué pasó.",
    ),
    "held.set_aside": (
        "Something contradicts the journal. Look at the unit's history first.",
        "有信息与台账不符。请先查看该产品的历史。",
        "Algo contradice el diario. Mire primero la historia de la unidad.",
    ),
    "held.decide": ("What shall be done?", "如何处理？", "¿Qué se hace?"),
    "held.settle": ("Settle", "确定", "Resolver"),
    "decide.retry": ("Try again.", "重试。", "Reintentar."),
    "decide.retry_what": (
        "The next cycle repeats the same call with the same ids.",
        "下次用相同编号重复同一请求。",
        "El próximo ciclo repite la misma petición con los mismos códigos.",
    ),
    "decide.not_done": ("It did not happen.", "未发生。", "No ocurrió."),
    "decide.not_done_what": (
        "The server shows no trace of the call.",
        "服务器上没有该请求的记录。",
        "El servidor no muestra rastro de la petición.",
    ),
    "decide.done": ("It happened.", "已发生。", "Ocurrió."),
    "decide.done_what": (
        "The server shows these ids as this unit's:",
        "服务器显示以下编号属于此产品：",
        "El servidor muestra estos códigos como de esta unidad:",
    ),
    "decide.scrap": ("Scrap the board.", "报废电路板。", "Desechar la placa."),
    "decide.scrap_what": (
        "Its ids are retired. This cannot be undone.",
        "其编号作废，无法撤销。",
        "Sus códigos se retiran. No se puede deshacer.",
    ),
    "doubt.none": ("No label is in doubt.", "没有待确认的标签。", "Ninguna etiqueta está en duda."),
    # -- ids
    "ids.title": ("Ids possibly lost", "可能丢失的编号", "Códigos quizá perdidos"),
    "ids.kind": ("Kind", "种类", "Tipo"),
    "ids.free": ("free", "可用", "libres"),
    "ids.in_flight": ("asked for, no answer yet", "已请求、未应答", "pedidos, sin respuesta aún"),
    "ids.lost": ("possibly lost", "可能丢失", "quizá perdidos"),
    "ids.retired": ("retired", "作废", "retirados"),
    "ids.what": (
        "Asked for, but the answer was lost: the server may count them as given. Have its administrator compare.",
        "已请求但应答丢失：服务器可能已计为发放。请服务器管理员核对。",
        "Pedidos, pero se perdió la respuesta: el servidor quizá los da por entregados. Pida comparar a su administrador.",
    ),
    # -- labels printed again
    "reprints.title": ("Labels printed again", "重印的标签", "Etiquetas impresas otra vez"),
    "reprints.pages": ("Older and newer labels", "翻页", "Etiquetas anteriores y más recientes"),
    # -- shipping
    "ship.one": ("One unit", "单个产品", "Una unidad"),
    "ship.by_carton": ("A carton", "整箱", "Una caja"),
    "ship.scan": ("Scan chipId, SN or DeviceID", "扫描 chipId、SN 或 DeviceID", "Escanee chipId, SN o DeviceID"),
    "ship.carton": ("Carton", "箱号", "Caja"),
    "ship.scans": ("Scans, one a line", "扫描内容，每行一个", "Escaneos, uno por línea"),
    "ship.mark": ("Mark as shipped", "标记为出货", "Marcar como enviada"),
    "ship.mark_all": ("Mark all as shipped", "全部标记为出货", "Marcar todas como enviadas"),
    "ship.done": ("{sn} is shipped", "{sn} 已出货", "{sn} enviada"),
    "ship.twice": ("scanned twice", "重复扫描", "escaneada dos veces"),
    "ship.already": ("was shipped before", "之前已出货", "ya estaba enviada"),
    "ship.not_ready": ("May not be shipped", "不可出货", "No se puede enviar"),
    "ship.not_ready_action": (
        "It has no label yet, or something of it is open.",
        "尚无标签，或有未了结的事项。",
        "Aún no tiene etiqueta, o algo suyo está abierto.",
    ),
    "ship.count": ("{done} of {count} shipped", "已出货 {done} / {count}", "{done} de {count} enviadas"),
    "ship.too_many": ("At most {count} scans at once", "一次最多 {count} 个", "Como máximo {count} escaneos a la vez"),
}


def texts(language: str) -> dict[str, str]:
    """All of one language."""
    place = _LANGUAGES.index(language)
    return {key: row[place] for key, row in _TABLE.items()}
