# Tests of the built tool: tests/cli/test_*.py, each a ctest of its own with the tool's path in $NACRE.
# Debian's Python has the packages that they need.
find_program(NACRE_SYSTEM_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH)
if(TARGET nacre_tool AND NACRE_SYSTEM_PYTHON)
    file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/cli/test_*.py)
    foreach(file IN LISTS files)
        cmake_path(GET file STEM name)
        add_test(NAME cli/${name} COMMAND ${NACRE_SYSTEM_PYTHON} ${file} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
        set_tests_properties(cli/${name} PROPERTIES LABELS cli TIMEOUT 600
            ENVIRONMENT "${TEST_ENVIRONMENT};NACRE=$<TARGET_FILE:nacre_tool>")
    endforeach()

    # Scenarios of the contract, one test for each way in.
    foreach(way rest unix embedded native grpc)
        add_test(NAME conformance/${way} COMMAND ${NACRE_SYSTEM_PYTHON} tests/conformance/run.py ${way}
            WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
        set_tests_properties(conformance/${way} PROPERTIES LABELS conformance TIMEOUT 600
            ENVIRONMENT "${TEST_ENVIRONMENT};NACRE=$<TARGET_FILE:nacre_tool>")
    endforeach()

    # The dashboard in headless Chromium. What it shows does not depend on how the server was built: one flavour is enough.
    if(NACRE_FLAVOUR STREQUAL dev AND NACRE_NPM AND NOT NACRE_DASHBOARD STREQUAL OFF)
        add_test(NAME dashboard/units COMMAND ${NACRE_NODE} --test dashboard/test WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
        add_test(NAME dashboard/pages COMMAND ${NACRE_SYSTEM_PYTHON} tests/dashboard/test_pages.py WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
        set_tests_properties(dashboard/units dashboard/pages PROPERTIES LABELS dashboard TIMEOUT 600
            ENVIRONMENT "${TEST_ENVIRONMENT};NACRE=$<TARGET_FILE:nacre_tool>")
    endif()
endif()
