/* Completion for bash(1), without need of the bash-completion package: it splits words at '=', so
 * "--name=val" arrives as three of them, and is put together again here.
 */
#include <string.h>

#include "base/buf.h"
#include "base/vec.h"
#include "cli/options.h"
#include "tools/tables.h"

static const char head[] =
    "# Completion of berth for bash. Made from the tables of options.\n"
    "\n"
    "_berth_offer() { # KIND LIST WORD: fills COMPREPLY\n"
    "    local kind=$1 list=$2 word=$3\n"
    "    case $kind in\n"
    "    file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$word\") ;;\n"
    "    directory) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$word\") ;;\n"
    "    user) mapfile -t COMPREPLY < <(compgen -u -- \"$word\") ;;\n"
    "    service) mapfile -t COMPREPLY < <(compgen -A service -- \"$word\") ;;\n"
    "    device) mapfile -t COMPREPLY < \\\n"
    "        <(compgen -W \"$(cd /sys/class/net && echo *)\" -- \"$word\") ;;\n"
    "    netns) mapfile -t COMPREPLY < <(cd /run/netns 2>/dev/null && compgen -f -- \"$word\") ;;\n"
    "    pid) mapfile -t COMPREPLY < \\\n"
    "        <(compgen -W \"$(cd /proc && echo [0-9]*)\" -- \"$word\") ;;\n"
    "    words) mapfile -t COMPREPLY < <(compgen -W \"$list\" -- \"$word\") ;;\n"
    "    list)\n"
    "        local done=\n"
    "        [[ $word == *,* ]] && done=${word%,*},\n"
    "        compopt -o nospace\n"
    "        mapfile -t COMPREPLY < <(compgen -P \"$done\" -W \"$list\" -- \"${word##*,}\") ;;\n"
    "    esac\n"
    "}\n"
    "\n";

static void put_offer(struct buf *out, const struct offer *o, const char *commands)
{
    static const char *const kinds[] = {
        [OFFER_NOTHING] = "nothing", [OFFER_FILE] = "file",       [OFFER_DIRECTORY] = "directory",
        [OFFER_COMMAND] = "words",   [OFFER_USER] = "user",       [OFFER_DEVICE] = "device",
        [OFFER_PID] = "pid",         [OFFER_SERVICE] = "service", [OFFER_NETNS] = "netns",
        [OFFER_WORDS] = "words",
    };
    _Static_assert(sizeof kinds / sizeof *kinds == OFFER_KINDS, "a word for each kind");

    buf_printf(out, "_berth_offer %s '",
               o->kind == OFFER_WORDS && o->list ? "list" : kinds[o->kind]);
    if (o->kind == OFFER_COMMAND)
        buf_str(out, commands);
    for (size_t i = 0; i < o->words.len; i++)
        buf_printf(out, "%s%s", i ? " " : "", *(const char **)vec_at(&o->words, i));
    buf_str(out, "' \"$cur\"");
}

/* The options' names, for a word that begins with a dash. */
static void put_names(struct buf *out, const struct command *c)
{
    struct option_walk w = option_walk_start(c->options);
    const struct command_option *o;

    while ((o = option_walk_next(&w, NULL))) {
        if (o->hidden)
            continue;
        buf_printf(out, "--%s ", o->name);
        if (o->negatable)
            buf_printf(out, "--no-%s ", o->name);
        if (o->letter)
            buf_printf(out, "-%c ", o->letter);
    }
    buf_str(out, "--help");
}

static void put_values(struct buf *out, const struct command *c, const char *commands)
{
    struct option_walk w = option_walk_start(c->options);
    const struct command_option *o;

    while ((o = option_walk_next(&w, NULL))) {
        if (o->hidden || !option_takes_value(o))
            continue;
        struct offer offer = offer_of(c, o->completes, o->choices);
        /* "= " marks that the value was attached, the only form an optional one has. */
        if (o->optional)
            buf_printf(out, "        =--%s) ", o->name);
        else if (o->letter)
            buf_printf(out, "        --%s | =--%s | -%c) ", o->name, o->name, o->letter);
        else
            buf_printf(out, "        --%s | =--%s) ", o->name, o->name);
        put_offer(out, &offer, commands);
        buf_str(out, "; return ;;\n");
        offer_free(&offer);
    }
}

static void put_command(struct buf *out, const struct command *c, const char *commands)
{
    struct offer words = offer_of(c, c->completes, NULL);

    buf_printf(out, "    '%s')\n        case $prev in\n", c->name);
    put_values(out, c, commands);
    buf_str(out,
            "        esac\n        if [[ $cur == -* ]]; then\n            _berth_offer words '");
    put_names(out, c);
    buf_str(out, "' \"$cur\"\n        else\n            ");
    put_offer(out, &words, commands);
    buf_str(out, "\n        fi ;;\n");
    offer_free(&words);
}

/* The first words of all commands, each once. */
static void put_first_words(struct buf *out, const struct program *p)
{
    for (const struct command *const *c = p->commands; *c; c++)
        if (first_of_its_family(p, c))
            buf_printf(out, "%.*s ", (int)strcspn((*c)->name, " "), (*c)->name);
}

/* For the first word of commands of two: the second ones. */
static void put_families(struct buf *out, const struct program *p)
{
    for (const struct command *const *c = p->commands; *c; c++) {
        const char *blank = strchr((*c)->name, ' ');
        if (blank)
            buf_printf(out, "    '%.*s') second+=' %s' ;;&\n", (int)(blank - (*c)->name),
                       (*c)->name, blank + 1);
    }
}

void bash_write(struct buf *out, const struct program *p)
{
    _cleanup_buf_ struct buf commands = BUF_INIT(1 << 16);

    put_first_words(&commands, p);
    buf_str(out, head);
    buf_str(out, "_berth() {\n"
                 "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
                 "    local command=${COMP_WORDS[1]} second=\n"
                 "    COMPREPLY=()\n"
                 "    if [[ $cur == '=' ]]; then\n"
                 "        cur='' prev=\"=$prev\"\n"
                 "    elif [[ $prev == '=' ]]; then\n"
                 "        prev=\"=${COMP_WORDS[COMP_CWORD - 2]}\"\n"
                 "    fi\n"
                 "    if ((COMP_CWORD == 1)); then\n"
                 "        _berth_offer words '");
    buf_printf(out, "%shelp --help --version' \"$cur\"\n        return\n    fi\n",
               buf_cstr(&commands));
    buf_str(out, "    case $command in\n");
    put_families(out, p);
    buf_printf(out, "    help) _berth_offer words '%s' \"$cur\"; return ;;\n    esac\n",
               buf_cstr(&commands));
    buf_str(out, "    if [[ $second ]]; then\n"
                 "        if ((COMP_CWORD == 2)); then\n"
                 "            _berth_offer words \"$second\" \"$cur\"\n"
                 "            return\n"
                 "        fi\n"
                 "        command+=\" ${COMP_WORDS[2]}\"\n"
                 "    fi\n"
                 "    case $command in\n");
    for (const struct command *const *c = p->commands; *c; c++)
        put_command(out, *c, buf_cstr(&commands));
    buf_str(out, "    esac\n}\n\ncomplete -F _berth berth\n");
}
