"""What every page says in Chinese (simplified)."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "page.title": "工作站",
    "nav.label": "页面",
    "nav.skip": "跳到内容",
    "nav.operator": "操作",
    "role.operator": "操作员",
    "role.engineer": "工程师",
    "role.supervisor": "主管",
    "login.title": "登录",
    "login.name": "姓名",
    "login.password": "密码",
    "login.in": "登录",
    "login.out": "退出登录",
    "login.as": "{name}（{role}）",
    "login.wrong": "姓名或密码不正确。",
    "login.wait": "错误次数过多。请等待 {seconds} 秒后再试。",
    "login.unavailable": "目前无法登录。请联系工程师：用户文件无法读取。",
    "problem.back": "返回操作页面",
    "error.no_page": "没有这个页面",
    "error.wrong_method": "此地址不能这样使用",
    "error.log_in": "请先登录",
    "error.no_right": "您的角色无权执行此操作",
    "error.too_many": "打开的页面过多",
    "error.stale_form": "此页面已过期。请重新加载后再试。",
    "error.field_missing": "请填写：{field}",
    "error.scan": "这不是有效的扫描内容：过长或含不可打印字符",
    "start.taken": "工位 {socket} 已启动",
    "abort.taken": "工位 {socket} 将在下一步之前停止",
    "abort.nothing": "工位 {socket} 没有正在进行的测试",
}
