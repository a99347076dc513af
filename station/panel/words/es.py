"""What every page says in Spanish."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "page.title": "Estación",
    "nav.label": "Páginas",
    "nav.skip": "Ir al contenido",
    "nav.operator": "Operador",
    "role.operator": "operador",
    "role.engineer": "ingeniero",
    "role.supervisor": "supervisor",
    "login.title": "Iniciar sesión",
    "login.name": "Nombre",
    "login.password": "Contraseña",
    "login.in": "Iniciar sesión",
    "login.out": "Cerrar sesión",
    "login.as": "{name}, {role}",
    "login.wrong": "El nombre y la contraseña no coinciden.",
    "login.wait": "Demasiados intentos fallidos. Espere {seconds} s e inténtelo de nuevo.",
    "login.unavailable": "Ahora nadie puede iniciar sesión. Avise al ingeniero: no se puede leer el archivo de usuarios.",
    "problem.back": "Volver a la página del operador",
    "error.no_page": "No existe esa página",
    "error.wrong_method": "Esta dirección no se puede usar así",
    "error.log_in": "Inicie sesión primero",
    "error.no_right": "Su función no permite hacer esto",
    "error.too_many": "Hay demasiadas páginas abiertas",
    "error.stale_form": "Esta página está anticuada. Vuelva a cargarla y repita.",
    "error.field_missing": "Rellene: {field}",
    "error.scan": "Esto no es un escaneo: demasiado largo o no imprimible",
    "start.taken": "El zócalo {socket} arranca",
    "abort.taken": "El zócalo {socket} se detiene antes del próximo paso",
    "abort.nothing": "No hay ningún ciclo en el zócalo {socket}",
}
