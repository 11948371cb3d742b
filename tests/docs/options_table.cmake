# Fails unless DOCUMENT holds, line for line, what `PROGRAM serve --print-options` prints.
execute_process(COMMAND ${PROGRAM} serve --print-options OUTPUT_VARIABLE table COMMAND_ERROR_IS_FATAL ANY)
file(READ ${DOCUMENT} document)
string(FIND "${document}" "${table}" position)
if(position EQUAL -1)
  message(FATAL_ERROR "${DOCUMENT} does not hold the table that `millrace serve --print-options` prints:\n${table}")
endif()
