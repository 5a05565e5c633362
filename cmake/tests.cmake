# Tests, by where they lie.
#   tests/{unit,property,torture}/<room>/test_*.c   one executable each: its room and the rooms it includes
#   tests/integration/test_*.c                      all rooms but cli
#   fuzz/<room>/fuzz_*.c                            replays its corpus everywhere; a fuzzer in the fuzz flavour
# In src, tests and include a file finds its headers from the root: "doc/json.h", "support/x.h", "nacre/x.h".
set(NACRE_TEST_TIMEOUT 400)
set(TEST_INCLUDES ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/tests)
set(TEST_ENVIRONMENT
    ASAN_OPTIONS=detect_container_overflow=0:detect_leaks=1:abort_on_error=1
    UBSAN_OPTIONS=print_stacktrace=1
    TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/cmake/tsan.supp:halt_on_error=1
    NACRE_FAULTIO=$<TARGET_FILE:faultio>)
# Fails or records file calls, by LD_PRELOAD (tests/support/faulty.h).
add_subdirectory(tests/support/preload)

# A test that compares with another library names its pkg-config package: "// link: libbson-1.0".
function(nacre_link_packages target file)
    file(STRINGS ${file} lines REGEX "^// link: ")
    foreach(line IN LISTS lines)
        string(REPLACE "// link: " "" package "${line}")
        find_package(PkgConfig REQUIRED)
        pkg_check_modules(${package} REQUIRED IMPORTED_TARGET ${package})
        target_link_libraries(${target} PRIVATE PkgConfig::${package})
    endforeach()
endfunction()

# An executable of these rooms; its name is the file's, or longer where that is taken.
function(nacre_executable out name long_name file)
    set(target ${name})
    if(TARGET ${target})
        set(target ${long_name})
    endif()
    add_executable(${target} ${file})
    set_target_properties(${target} PROPERTIES LINKER_LANGUAGE CXX)
    target_include_directories(${target} PRIVATE ${TEST_INCLUDES})
    target_compile_options(${target} PRIVATE ${NACRE_WARNINGS})
    nacre_support_of(${file} support)
    set(support_rooms "")
    foreach(one IN LISTS support)
        list(APPEND support_rooms ${NACRE_SUPPORT_ROOMS_${one}})
    endforeach()
    list(TRANSFORM support PREPEND support_)
    # As a group: they use one another in any order.
    target_link_libraries(${target} PRIVATE -Wl,--start-group ${support} -Wl,--end-group)
    nacre_closure(rooms ${ARGN} ${support_rooms})
    nacre_archives(archives ${rooms})
    target_link_libraries(${target} PRIVATE ${archives} ${NACRE_TEST_LIBS})
    nacre_link_packages(${target} ${file})
    set(${out} ${target} PARENT_SCOPE)
endfunction()

function(nacre_add_test name label target)
    add_test(NAME ${name} COMMAND ${target} ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES LABELS "${label}" TIMEOUT ${NACRE_TEST_TIMEOUT}
        ENVIRONMENT "${TEST_ENVIRONMENT}")
endfunction()

# The support files that a file includes, as "support/x.h", with those that they (source and header) include.
function(nacre_support_of file out)
    set(todo ${file})
    set(found "")
    while(todo)
        list(POP_FRONT todo one)
        file(STRINGS ${one} lines REGEX "^#[ \t]*include[ \t]*\"support/")
        foreach(line IN LISTS lines)
            string(REGEX REPLACE "^[^\"]*\"support/([a-z0-9_]+)\\.h\".*" "\\1" name "${line}")
            if(name IN_LIST NACRE_SUPPORT AND NOT name IN_LIST found)
                list(APPEND found ${name})
                list(APPEND todo ${PROJECT_SOURCE_DIR}/tests/support/${name}.c
                    ${PROJECT_SOURCE_DIR}/tests/support/${name}.h)
            endif()
        endforeach()
    endwhile()
    set(${out} "${found}" PARENT_SCOPE)
endfunction()

# Each support file is an archive of its own, linked to the tests that include its header.
file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/support/*.c)
set(NACRE_SUPPORT "")
foreach(file IN LISTS files)
    cmake_path(GET file STEM name)
    list(APPEND NACRE_SUPPORT ${name})
    add_library(support_${name} STATIC EXCLUDE_FROM_ALL ${file})
    target_include_directories(support_${name} PRIVATE ${TEST_INCLUDES})
    target_compile_options(support_${name} PRIVATE ${NACRE_WARNINGS})
    set_target_properties(support_${name} PROPERTIES ARCHIVE_OUTPUT_DIRECTORY rooms)
    cmake_path(REPLACE_EXTENSION file h OUTPUT_VARIABLE header)
    set(both ${file})
    if(EXISTS ${header})
        list(APPEND both ${header})
    endif()
    nacre_included_rooms(NACRE_SUPPORT_ROOMS_${name} ${both})
endforeach()

foreach(kind unit property torture)
    foreach(room IN LISTS NACRE_ROOMS)
        file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${kind}/${room}/test_*.c)
        foreach(file IN LISTS files)
            cmake_path(GET file STEM name)
            nacre_included_rooms(included ${file})
            nacre_executable(target ${name} ${name}_${kind}_${room} ${file} ${room} ${included})
            nacre_add_test(${kind}/${room}/${name} ${kind} ${target})
        endforeach()
    endforeach()
endforeach()

set(ALL_ROOMS ${NACRE_ROOMS})
list(REMOVE_ITEM ALL_ROOMS cli)
file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/integration/test_*.c)
foreach(file IN LISTS files)
    cmake_path(GET file STEM name)
    nacre_executable(target ${name} ${name}_integration ${file} ${ALL_ROOMS})
    nacre_add_test(integration/${name} integration ${target})
endforeach()

# The arrows, as links: a room's objects with those of lower ranks only. An upward call does not link.
foreach(room IN LISTS NACRE_ROOMS)
    nacre_lower_rooms(${room} lower)
    nacre_archives(archives ${lower})
    set(libs "")
    foreach(header IN LISTS NACRE_HEADERS_${room})
        list(APPEND libs ${NACRE_LIB_${header}})
    endforeach()
    if(room STREQUAL cli)
        continue() # the tool itself is this link
    endif()
    add_executable(link_${room} ${PROJECT_SOURCE_DIR}/cmake/link_main.c $<TARGET_OBJECTS:${room}>)
    set_target_properties(link_${room} PROPERTIES LINKER_LANGUAGE CXX RUNTIME_OUTPUT_DIRECTORY link)
    target_link_libraries(link_${room} PRIVATE ${archives} ${libs} m)
endforeach()

# Public headers, each alone, as C99 and as C++.
file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/nacre/*.h)
set(header_sources "")
foreach(file IN LISTS files)
    cmake_path(GET file STEM name)
    foreach(suffix c cc)
        file(CONFIGURE OUTPUT headers/${name}.${suffix} CONTENT "#include \"nacre/${name}.h\"\n")
        list(APPEND header_sources ${PROJECT_BINARY_DIR}/headers/${name}.${suffix})
    endforeach()
endforeach()
add_library(public_headers OBJECT ${header_sources})
target_include_directories(public_headers PRIVATE ${PROJECT_SOURCE_DIR}/include)
set_target_properties(public_headers PROPERTIES C_STANDARD 99 C_EXTENSIONS OFF)
target_compile_options(public_headers PRIVATE -Wall -Wextra -Werror -pedantic)

# Fuzz targets. fuzz_<x>_replay runs over fuzz/corpus/fuzz_<x>/ in every flavour; fuzz_<x> searches.
file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/fuzz/*/fuzz_*.c)
foreach(file IN LISTS files)
    cmake_path(GET file STEM name)
    cmake_path(GET file PARENT_PATH folder)
    cmake_path(GET folder FILENAME room)
    nacre_included_rooms(included ${file})
    nacre_executable(target ${name}_replay ${name}_replay_${room} ${file} ${room} ${included})
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/fuzz/driver.c)
    nacre_add_test(fuzz/${room}/${name} fuzz ${target} fuzz/corpus/${name})
    if(NACRE_FLAVOUR STREQUAL fuzz)
        nacre_executable(target ${name} ${name}_${room} ${file} ${room} ${included})
        target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    endif()
endforeach()

# Programs that tests/lanes/ run: models, crash loops, preload libraries. They are no tests by themselves.
file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/model/model_*.c
    ${PROJECT_SOURCE_DIR}/tests/crash/crash_*.c ${PROJECT_SOURCE_DIR}/tests/conformance/conformance_*.c)
foreach(file IN LISTS files)
    cmake_path(GET file STEM name)
    nacre_executable(target ${name} ${name}_program ${file} ${ALL_ROOMS})
endforeach()
file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/preload/preload_*.c)
foreach(file IN LISTS files)
    cmake_path(GET file STEM name)
    add_library(${name} MODULE ${file})
    set_target_properties(${name} PROPERTIES PREFIX "" C_VISIBILITY_PRESET default)
    target_include_directories(${name} PRIVATE ${TEST_INCLUDES})
    target_link_libraries(${name} PRIVATE ${CMAKE_DL_LIBS})
endforeach()

if(NACRE_BENCH)
    file(GLOB kit_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/kit/*.c)
    add_library(bench_kit STATIC ${kit_files})
    target_include_directories(bench_kit PRIVATE ${TEST_INCLUDES} ${PROJECT_SOURCE_DIR}/bench)
    target_compile_options(bench_kit PRIVATE ${NACRE_WARNINGS})
    nacre_archives(kit_archives ${ALL_ROOMS})
    target_link_libraries(bench_kit PRIVATE ${kit_archives})
    file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/*/bench_*.c)
    foreach(file IN LISTS files)
        cmake_path(GET file STEM name)
        nacre_executable(target ${name} ${name}_bench ${file} ${ALL_ROOMS})
        target_link_libraries(${target} PRIVATE bench_kit)
        target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/bench)
        target_link_libraries(${target} PRIVATE ${NACRE_BENCH_LIBS})
    endforeach()
endif()

# The house rules, and the checker's own tests.
find_package(Python3 COMPONENTS Interpreter)
if(Python3_FOUND)
    add_test(NAME tools/tidy COMMAND ${Python3_EXECUTABLE} tools/tidy.py
        WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    add_test(NAME tools/tidy_test COMMAND ${Python3_EXECUTABLE} tests/tools/test_tidy.py
        WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(tools/tidy tools/tidy_test PROPERTIES LABELS tools TIMEOUT ${NACRE_TEST_TIMEOUT})
endif()

# The installed files are enough to build on. A sanitizer's library needs its runtime first, so not there.
if(NACRE_FLAVOUR MATCHES "^(release|dev)$")
    add_test(NAME install/check COMMAND ${PROJECT_SOURCE_DIR}/tests/install/check.sh ${PROJECT_BINARY_DIR}
        WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(install/check PROPERTIES LABELS integration TIMEOUT ${NACRE_TEST_TIMEOUT})
endif()
