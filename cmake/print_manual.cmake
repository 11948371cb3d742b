# Writes what `program` prints, called with `arguments`, to `output`.
# The program refuses variables that it does not know, and prints those that it does.
execute_process(COMMAND env -i ${program} ${arguments} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
file(WRITE ${output} "${text}")
