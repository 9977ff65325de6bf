"""a notice → a message to people, by command, webhook, e-mail or plugin

``[notifiers.NAME]`` of the configuration says how.
"""
