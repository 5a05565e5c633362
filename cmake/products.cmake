# What is installed: libnacre (static and shared), the tool, the headers, pkg-config and CMake files.
set(LIBRARY_ROOMS ${NACRE_ROOMS})
list(REMOVE_ITEM LIBRARY_ROOMS cli server rpc ops auth net)
set(LIBRARY_OBJECTS "")
set(SHARED_LIBS "")
foreach(room IN LISTS LIBRARY_ROOMS)
    list(APPEND LIBRARY_OBJECTS $<TARGET_OBJECTS:${room}>)
    foreach(header IN LISTS NACRE_HEADERS_${room})
        list(APPEND SHARED_LIBS ${NACRE_LIB_${header}})
    endforeach()
endforeach()
# Debian's archive is good for executables only; the shared library takes the shared one.
list(TRANSFORM SHARED_LIBS REPLACE "^nacre_rocksdb_static$" nacre_rocksdb_shared)

# One object whose inner names are local: bson_validate and its like must not meet those of a
# program's other libraries.
set(WHOLE ${PROJECT_BINARY_DIR}/nacre_whole.o)
add_custom_command(OUTPUT ${WHOLE}
    COMMAND ${CMAKE_C_COMPILER} -r -nostdlib -o ${WHOLE} ${LIBRARY_OBJECTS}
    COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${WHOLE}
    DEPENDS ${LIBRARY_OBJECTS} COMMAND_EXPAND_LISTS VERBATIM)
set_source_files_properties(${WHOLE} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
add_library(nacre_static STATIC ${WHOLE})
set_target_properties(nacre_static PROPERTIES OUTPUT_NAME nacre LINKER_LANGUAGE CXX EXPORT_NAME static)

add_library(nacre_shared SHARED ${LIBRARY_OBJECTS})
set_target_properties(nacre_shared PROPERTIES OUTPUT_NAME nacre LINKER_LANGUAGE CXX EXPORT_NAME shared
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
    LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/nacre.map)
target_link_libraries(nacre_shared PRIVATE ${SHARED_LIBS} m)
target_link_options(nacre_shared PRIVATE -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/nacre.map)
if(NACRE_FLAVOUR MATCHES "^(release|dev)$")
    # A sanitizer's runtime is in the executable, so only these flavours can be checked for holes.
    target_link_options(nacre_shared PRIVATE -Wl,--no-undefined)
endif()

foreach(library nacre_static nacre_shared)
    target_include_directories(${library} INTERFACE
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()

if(cli IN_LIST NACRE_ROOMS)
    nacre_archives(archives ${NACRE_ROOMS})
    list(REMOVE_ITEM archives cli_a)
    add_executable(nacre_tool $<TARGET_OBJECTS:cli>)
    set_target_properties(nacre_tool PROPERTIES OUTPUT_NAME nacre LINKER_LANGUAGE CXX)
    target_link_libraries(nacre_tool PRIVATE ${archives})
    foreach(header IN LISTS NACRE_HEADERS_cli)
        target_link_libraries(nacre_tool PRIVATE ${NACRE_LIB_${header}})
    endforeach()
    if(NACRE_FLAVOUR STREQUAL release)
        target_link_options(nacre_tool PRIVATE -pie)
    endif()
    install(TARGETS nacre_tool RUNTIME)
    # Of `nacre demo`, which looks for it in ../share/nacre.
    install(FILES ${PROJECT_SOURCE_DIR}/examples/films.ndjson.zst
            DESTINATION ${CMAKE_INSTALL_DATADIR}/nacre)
endif()

install(TARGETS nacre_static nacre_shared EXPORT nacre_targets ARCHIVE LIBRARY)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/nacre TYPE INCLUDE FILES_MATCHING PATTERN "*.h" PATTERN serve.h EXCLUDE)

# What a program that links libnacre.a must link too: the same libraries by name.
set(NACRE_STATIC_LIBS "")
foreach(library IN LISTS SHARED_LIBS)
    if(library STREQUAL nacre_rocksdb_shared)
        list(APPEND NACRE_STATIC_LIBS rocksdb)
    elseif(library STREQUAL Threads::Threads)
        list(APPEND NACRE_STATIC_LIBS pthread)
    else()
        list(APPEND NACRE_STATIC_LIBS ${library})
    endif()
endforeach()
list(APPEND NACRE_STATIC_LIBS stdc++ m)
list(REMOVE_DUPLICATES NACRE_STATIC_LIBS)
list(TRANSFORM NACRE_STATIC_LIBS PREPEND -l OUTPUT_VARIABLE NACRE_PC_PRIVATE)
list(JOIN NACRE_PC_PRIVATE " " NACRE_PC_PRIVATE)
target_link_libraries(nacre_static INTERFACE ${NACRE_STATIC_LIBS})

configure_file(${PROJECT_SOURCE_DIR}/cmake/nacre.pc.in nacre.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/nacre.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

include(CMakePackageConfigHelpers)
set(PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/nacre)
install(EXPORT nacre_targets NAMESPACE nacre:: DESTINATION ${PACKAGE_DIR} FILE nacre-config.cmake)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/nacre-config-version.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/nacre-config-version.cmake DESTINATION ${PACKAGE_DIR})
