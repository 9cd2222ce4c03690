# Checks one model in docs/models/ exhaustively.
#
#   cmake -DSPIN=… -DCC=… -DMODEL=….pml -DOPTIONS=-D… -DEXPECT=holds|fails -DWORK=dir -P this
#
# EXPECT=fails: the option breaks the protocol, and the checker must notice; a checker that finds
# nothing wrong with a broken protocol proves nothing.
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
execute_process(COMMAND ${SPIN} -a ${OPTIONS} ${MODEL} WORKING_DIRECTORY ${WORK} RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "spin does not accept ${MODEL}")
endif()
execute_process(COMMAND ${CC} -O2 -DSAFETY -w -o pan pan.c WORKING_DIRECTORY ${WORK} RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "the checker does not compile")
endif()
execute_process(COMMAND ${WORK}/pan -m1000000 WORKING_DIRECTORY ${WORK} OUTPUT_VARIABLE out RESULT_VARIABLE failed)
message("${out}")
if(failed OR NOT out MATCHES "errors: ([0-9]+)")
  message(FATAL_ERROR "the checker did not finish")
endif()
set(errors ${CMAKE_MATCH_1})
if(out MATCHES "search not completed|max search depth too small")
  if(EXPECT STREQUAL "holds")
    message(FATAL_ERROR "the search was not exhaustive")
  endif()
endif()
if(EXPECT STREQUAL "holds" AND NOT errors EQUAL 0)
  message(FATAL_ERROR "the protocol is wrong: see the trail with spin -t")
endif()
if(EXPECT STREQUAL "fails" AND errors EQUAL 0)
  message(FATAL_ERROR "the broken protocol was not noticed")
endif()
