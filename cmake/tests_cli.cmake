# Tests of the built tool: tests/cli/test_*.py, each a ctest of its own with the tool's path in $NACRE.
if(TARGET nacre_tool AND Python3_FOUND)
    file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/cli/test_*.py)
    foreach(file IN LISTS files)
        cmake_path(GET file STEM name)
        add_test(NAME cli/${name} COMMAND ${Python3_EXECUTABLE} ${file} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
        set_tests_properties(cli/${name} PROPERTIES LABELS cli TIMEOUT 600
            ENVIRONMENT "${TEST_ENVIRONMENT};NACRE=$<TARGET_FILE:nacre_tool>")
    endforeach()
endif()
