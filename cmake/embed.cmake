# Files that are part of a program: `const unsigned char SYMBOL[]` and `const size_t SYMBOL_size`, put in by the assembler. The file
# may be made by the build.
function(nacre_embed file symbol out)
    set(source ${PROJECT_BINARY_DIR}/embedded/${symbol}.c)
    file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"__asm__(\".pushsection .rodata\\n\"
        \".balign 16\\n\"
        \".globl @symbol@, @symbol@_size\\n\"
        \"@symbol@:\\n\"
        \".incbin \\\"@file@\\\"\\n\"
        \"0:\\n\"
        \".balign 8\\n\"
        \"@symbol@_size: .quad 0b - @symbol@\\n\"
        \".popsection\\n\");
")
    set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS ${file})
    set(${out} ${source} PARENT_SCOPE)
endfunction()
