# The pages of /ui/: bundled by npm's packages into three files, which the server carries. NACRE_DASHBOARD: AUTO (the default) makes them
# where npm is there and its packages can be had, and says so where not: /ui/ then answers `unimplemented`; ON insists; OFF has none.
set(NACRE_DASHBOARD AUTO CACHE STRING "the dashboard of /ui/: AUTO, ON or OFF")
set_property(CACHE NACRE_DASHBOARD PROPERTY STRINGS AUTO ON OFF)
find_program(NACRE_NPM npm)
find_program(NACRE_NODE NAMES node nodejs)

# The sources that embed the pages.
function(nacre_dashboard out)
    set(from ${PROJECT_SOURCE_DIR}/dashboard)
    set(made ${PROJECT_BINARY_DIR}/dashboard)
    set(pages ${made}/index.html ${made}/app.js ${made}/app.css)
    file(GLOB sources CONFIGURE_DEPENDS ${from}/src/*)
    set(mode ${NACRE_DASHBOARD})
    if(NOT NACRE_NPM OR NOT NACRE_NODE)
        if(mode STREQUAL ON)
            message(FATAL_ERROR "NACRE_DASHBOARD is ON, and there is no npm: apt-get install nodejs npm")
        endif()
        set(mode OFF)
    endif()
    add_custom_command(OUTPUT ${pages}
        COMMAND ${PROJECT_SOURCE_DIR}/tools/dashboard.sh ${mode} ${made}
        DEPENDS ${sources} ${from}/package.json ${from}/package-lock.json ${from}/build.mjs ${PROJECT_SOURCE_DIR}/tools/dashboard.sh
        COMMENT "Bundling the dashboard" VERBATIM)
    nacre_embed(${made}/index.html ui_index_html html)
    nacre_embed(${made}/app.js ui_app_js js)
    nacre_embed(${made}/app.css ui_app_css css)
    set(${out} ${html} ${js} ${css} PARENT_SCOPE)
endfunction()
