# The plugin's dynamic symbol table defines its three entry points and nothing else: on Mosquitto
# 2.0, which loads plugins into the global scope, any other symbol could capture, or be captured by,
# another plugin's.
execute_process(COMMAND ${NM} -D --defined-only ${PLUGIN}
  OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^ \n]+\n" names "${output}")
list(TRANSFORM names STRIP)
list(SORT names)
set(expected mosquitto_plugin_cleanup mosquitto_plugin_init mosquitto_plugin_version)
if(NOT names STREQUAL expected)
  message(FATAL_ERROR "exported: ${names}\nexpected: ${expected}")
endif()
