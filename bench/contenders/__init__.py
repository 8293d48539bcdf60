"""The contenders, in the order in which they are measured and shown."""

from bench.contenders import empty, kafka_decider, kafka_shop, library, reading, redis_lua, shop, sql, sql_http
from bench.measuring import Contender
from bench.stage import Stage


def all_contenders(stage: Stage) -> list[Contender]:
    """Every contender on this stage; nothing is started yet."""
    modules = (empty, sql, sql_http, redis_lua, library, shop, kafka_shop, kafka_decider, reading)
    return [contender for module in modules for contender in module.contenders(stage)]
