# Compiles the two sources as a user would, warnings being errors, and runs the program.
set(command ${compiler} -std=c++20 -Wall -Wextra -Wpedantic -Werror -I ${header} ${source}/implementation.cpp ${source}/user.cpp
  -o ${program})
execute_process(COMMAND ${command} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${program} COMMAND_ERROR_IS_FATAL ANY)
