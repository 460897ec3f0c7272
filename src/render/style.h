/* The palette, for what is written in words: tables colour their cells by themselves.
 *
 * Colours are shown where render_options.colour says so. Styles don't nest.
 */
#pragma once
#include <stdbool.h>

#include "render/render.h"

void style_begin(struct buf *out, bool colour, enum render_style style);
void style_end(struct buf *out, bool colour, enum render_style style);
