# Language standards, warnings and the flags of each flavour.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)

find_program(NACRE_CCACHE ccache)
if(NACRE_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
    set(CMAKE_C_COMPILER_LAUNCHER ${NACRE_CCACHE})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${NACRE_CCACHE})
endif()

set(NACRE_WARNINGS -Wall -Wextra -Wconversion -Wshadow -Wvla -Wformat=2 -Wundef -Wcast-qual -Wpointer-arith
    -Wwrite-strings -Wimplicit-fallthrough -Wno-type-limits
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes> $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
    $<$<COMPILE_LANGUAGE:C>:-Wold-style-definition>)
if(CMAKE_C_COMPILER_ID STREQUAL GNU)
    list(APPEND NACRE_WARNINGS -Wlogical-op -Wduplicated-cond -Wtrampolines)
endif()
# Sanitizers change what the compiler's flow analysis sees, and so what it warns of.
if(NACRE_WERROR AND NACRE_FLAVOUR MATCHES "^(dev|release)$")
    list(APPEND NACRE_WARNINGS -Werror)
endif()

# Apply must compute the same on every machine, so no fused multiply-add anywhere.
add_compile_options(-ffp-contract=off -fno-omit-frame-pointer)
add_compile_definitions(_GNU_SOURCE)

set(SANITIZE "")
if(NACRE_FLAVOUR STREQUAL release)
    # -U first: some compilers define it themselves, with a lower level.
    add_compile_options(-O2 -g1 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong)
    add_compile_definitions(NDEBUG NACRE_DEBUG=0)
    add_link_options(-Wl,-z,relro,-z,now)
else()
    add_compile_options(-O1 -g -fstack-protector-strong)
    add_compile_definitions(NACRE_DEBUG=1)
endif()
if(NACRE_FLAVOUR STREQUAL asan)
    set(SANITIZE -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(NACRE_FLAVOUR STREQUAL tsan)
    set(SANITIZE -fsanitize=thread)
elseif(NACRE_FLAVOUR STREQUAL fuzz)
    if(NOT CMAKE_C_COMPILER_ID MATCHES Clang)
        message(FATAL_ERROR "the fuzz flavour needs clang")
    endif()
    set(SANITIZE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
elseif(NACRE_FLAVOUR STREQUAL cov)
    set(SANITIZE --coverage)
elseif(NOT NACRE_FLAVOUR MATCHES "^(release|dev)$")
    message(FATAL_ERROR "NACRE_FLAVOUR: ${NACRE_FLAVOUR} is none of release dev asan tsan fuzz cov")
endif()
add_compile_options(${SANITIZE})
add_link_options(${SANITIZE} -Wl,--as-needed)
