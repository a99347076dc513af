"""The operator's page in every language: by key, English, Chinese and Spanish side by side. Short: read from three metres away."""

from __future__ import annotations

LANGUAGES = ("en", "zh", "es")

_TABLE: dict[str, tuple[str, str, str]] = {
    # -- a tile
    "tile.start": ("Start", "开始", "Iniciar"),
    "tile.abort": ("Abort", "中止", "Detener"),
    "tile.reprint": ("Print label again", "重新打印标签", "Imprimir otra etiqueta"),
    "tile.scan": ("Scan or type the SN", "扫描或输入 SN", "Escanee o escriba el SN"),
    "tile.socket": ("Socket {socket}", "工位 {socket}", "Zócalo {socket}"),
    "tile.progress": ("Step {done} of {total}", "第 {done} / {total} 步", "Paso {done} de {total}"),
    # -- what a tile says in one word
    "state.starting": ("Starting", "启动中", "Arrancando"),
    "state.waiting": ("Ready", "就绪", "Listo"),
    "state.working": ("Working", "进行中", "Trabajando"),
    "state.PASS": ("PASS", "通过", "PASA"),
    "state.FAIL": ("FAIL", "不良", "FALLA"),
    "state.ERROR": ("ERROR", "错误", "ERROR"),
    "state.ABORTED": ("STOPPED", "已中止", "DETENIDO"),
    "state.down": ("Out of order", "停用", "Fuera de servicio"),
    # -- what to do where the catalogue has no code
    "todo.starting": ("Wait a moment.", "请稍候。", "Espere un momento."),
    "todo.waiting": ("Put a board in and start.", "放入电路板并启动。", "Ponga una placa e inicie."),
    "todo.working": ("Leave the board in.", "请勿取出电路板。", "Deje la placa puesta."),
    "todo.PASS": (
        "Take the board out. Stick its label on.",
        "取出电路板，贴上标签。",
        "Saque la placa. Pegue su etiqueta.",
    ),
    # -- steps
    "step.identify": ("Identify", "识别", "Identificar"),
    "step.reserve": ("Reserve ids", "预留编号", "Reservar códigos"),
    "step.activate": ("Activate DeviceID", "激活 DeviceID", "Activar DeviceID"),
    "step.bind": ("Bind SN", "绑定 SN", "Vincular SN"),
    "step.write": ("Write", "写入", "Escribir"),
    "step.verify": ("Verify", "校验", "Verificar"),
    "step.label": ("Print label", "打印标签", "Imprimir etiqueta"),
    # -- the label in doubt, and one more label
    "doubt.question": (
        "Is this unit's label there?",
        "这台产品的标签打印出来了吗？",
        "¿Está la etiqueta de esta unidad?",
    ),
    "doubt.yes": ("Yes, printed", "有，已打印", "Sí, impresa"),
    "doubt.no": ("No label", "没有标签", "No hay etiqueta"),
    "reprint.title": ("Print the label of {sn} again", "重新打印 {sn} 的标签", "Imprimir otra vez la etiqueta de {sn}"),
    "reprint.counted": ("Every copy is counted.", "每次重印都会记录。", "Cada copia queda registrada."),
    "reprint.why": ("Why?", "原因？", "¿Por qué?"),
    "reprint.damaged": ("Label damaged", "标签损坏", "Etiqueta dañada"),
    "reprint.unreadable": ("Code cannot be read", "条码无法读取", "El código no se lee"),
    "reprint.lost": ("Label lost", "标签丢失", "Etiqueta perdida"),
    "reprint.other": ("Another reason", "其他原因", "Otra razón"),
    "reprint.print": ("Print", "打印", "Imprimir"),
    "reprint.who": ("Your name", "您的姓名", "Su nombre"),
    "dialog.cancel": ("Cancel", "取消", "Cancelar"),
    # -- the bar below
    "total.today": ("Today", "今日", "Hoy"),
    "total.yield": ("Yield", "良率", "Rendimiento"),
    "total.rate": ("Units per hour", "每小时产量", "Unidades por hora"),
    "total.pool": ("DeviceIDs / SNs", "DeviceID / SN 库存", "DeviceID / SN libres"),
    "total.api": ("API", "API", "API"),
    "total.printer": ("Printer {name}", "打印机 {name}", "Impresora {name}"),
    "total.held": ("Units set aside", "待处理产品", "Unidades apartadas"),
    "total.doubt": ("Labels in doubt", "待确认标签", "Etiquetas en duda"),
    "health.ok": ("in order", "正常", "en orden"),
    "health.bad": ("trouble", "故障", "problema"),
    "health.answer": ("no good answer: {answer}", "应答异常：{answer}", "sin respuesta buena: {answer}"),
    "sound.on": ("Sound on", "声音开", "Sonido activado"),
    "sound.off": ("Sound off", "声音关", "Sonido apagado"),
    "link.lost": (
        "No connection to the station. What you see may be old.",
        "与工作站的连接已断开，显示内容可能已过时。",
        "Sin conexión con la estación. Lo que ve puede ser antiguo.",
    ),
    "told.failed": ("That did not work", "操作失败", "No funcionó"),
    "board.label": ("Sockets", "工位", "Zócalos"),
    "totals.label": ("Station today", "工作站今日概况", "La estación hoy"),
}


def texts(language: str) -> dict[str, str]:
    """The texts of one language, by key."""
    column = LANGUAGES.index(language)
    return {key: row[column] for key, row in _TABLE.items()}


def for_script(language: str) -> dict[str, str]:
    """What the page's script writes by itself."""
    wanted = ("state.", "todo.", "step.", "health.", "sound.", "tile.progress", "reprint.title", "told.")
    return {key: text for key, text in texts(language).items() if key.startswith(wanted)}
