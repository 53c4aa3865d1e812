;; The program: counts the words of a text.
;;
;; A word is a run of letters, digits and bytes above 127 (so UTF-8 stays whole). Words are kept in an
;; AA tree (Andersson, 1993), which stays shallow whatever comes in, and are written in order.

(type $text (array (mut i8)))
(type $node (struct
  (field $word (ref $text))
  (field $count (mut i64))
  ;; Leaves are 1; a right child may be on its parent's level, a left child is one below.
  (field $level (mut i32))
  (field $left (mut (ref null $node)))
  (field $right (mut (ref null $node)))))

;; Setting `fold-case`: whether A to Z are read as a to z.
(global $fold_case (mut i32) (i32.const 0))

;; Reads one byte of a word as it is kept; 0 if it is none of a word.
(func $letter (param $byte i32) (result i32)
  (if
    (i32.or
      (i32.lt_u (i32.sub (local.get $byte) (i32.const 97)) (i32.const 26))
      (i32.or
        (i32.lt_u (i32.sub (local.get $byte) (i32.const 48)) (i32.const 10))
        (i32.ge_u (local.get $byte) (i32.const 128))))
    (then (return (local.get $byte))))
  (if (i32.lt_u (i32.sub (local.get $byte) (i32.const 65)) (i32.const 26))
    (then
      (return
        (i32.add (local.get $byte) (i32.mul (global.get $fold_case) (i32.const 32))))))
  (i32.const 0))

;; Below, at or above 0, as the first word is before, the same as or after the second.
(func $compare (param $a (ref $text)) (param $b (ref $text)) (result i32)
  (local $i i32)
  (local $shorter i32)
  (local $difference i32)
  (local.set $shorter
    (select
      (array.len (local.get $a))
      (array.len (local.get $b))
      (i32.lt_u (array.len (local.get $a)) (array.len (local.get $b)))))
  (loop $each
    (if (i32.eq (local.get $i) (local.get $shorter))
      (then
        (return (i32.sub (array.len (local.get $a)) (array.len (local.get $b))))))
    (local.set $difference
      (i32.sub
        (array.get_u $text (local.get $a) (local.get $i))
        (array.get_u $text (local.get $b) (local.get $i))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $each (i32.eqz (local.get $difference))))
  (local.get $difference))

;; A left child on its parent's level becomes the parent.
(func $skew (param $node (ref $node)) (result (ref $node))
  (local $left (ref null $node))
  (local.set $left (struct.get $node $left (local.get $node)))
  (if (ref.is_null (local.get $left))
    (then (return (local.get $node))))
  (if
    (i32.ne
      (struct.get $node $level (local.get $left))
      (struct.get $node $level (local.get $node)))
    (then (return (local.get $node))))
  (struct.set $node $left (local.get $node) (struct.get $node $right (local.get $left)))
  (struct.set $node $right (local.get $left) (local.get $node))
  (ref.as_non_null (local.get $left)))

;; Of three in a row on one level, the middle one becomes the parent of the others, one level up.
(func $split (param $node (ref $node)) (result (ref $node))
  (local $right (ref null $node))
  (local $next (ref null $node))
  (local.set $right (struct.get $node $right (local.get $node)))
  (if (ref.is_null (local.get $right))
    (then (return (local.get $node))))
  (local.set $next (struct.get $node $right (local.get $right)))
  (if (ref.is_null (local.get $next))
    (then (return (local.get $node))))
  (if
    (i32.ne
      (struct.get $node $level (local.get $next))
      (struct.get $node $level (local.get $node)))
    (then (return (local.get $node))))
  (struct.set $node $right (local.get $node) (struct.get $node $left (local.get $right)))
  (struct.set $node $left (local.get $right) (local.get $node))
  (struct.set $node $level (local.get $right)
    (i32.add (struct.get $node $level (local.get $right)) (i32.const 1)))
  (ref.as_non_null (local.get $right)))

;; Counts a word; gives the tree's root, which may be another than before.
(func $insert (param $tree (ref null $node)) (param $word (ref $text)) (result (ref $node))
  (local $order i32)
  (if (ref.is_null (local.get $tree))
    (then
      (return
        (struct.new $node
          (local.get $word)
          (i64.const 1)
          (i32.const 1)
          (ref.null $node)
          (ref.null $node)))))
  (local.set $order
    (call $compare (local.get $word) (struct.get $node $word (local.get $tree))))
  (if (i32.eqz (local.get $order))
    (then
      (struct.set $node $count (local.get $tree)
        (i64.add (struct.get $node $count (local.get $tree)) (i64.const 1)))
      (return (ref.as_non_null (local.get $tree)))))
  (if (i32.lt_s (local.get $order) (i32.const 0))
    (then
      (struct.set $node $left (local.get $tree)
        (call $insert (struct.get $node $left (local.get $tree)) (local.get $word))))
    (else
      (struct.set $node $right (local.get $tree)
        (call $insert (struct.get $node $right (local.get $tree)) (local.get $word)))))
  (call $split (call $skew (ref.as_non_null (local.get $tree)))))

;; Copies a word out of linear memory.
(func $take (param $from i32) (param $bytes i32) (result (ref $text))
  (local $word (ref $text))
  (local $i i32)
  (local.set $word (array.new_default $text (local.get $bytes)))
  (loop $each
    (array.set $text (local.get $word) (local.get $i)
      (call $letter (i32.load8_u (i32.add (local.get $from) (local.get $i)))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $each (i32.lt_u (local.get $i) (local.get $bytes))))
  (local.get $word))

;; The tree of the words of a text in linear memory.
(func $parse (param $text i32) (param $bytes i32) (result (ref null $node))
  (local $tree (ref null $node))
  (local $end i32)
  (local $start i32)
  (local.set $end (i32.add (local.get $text) (local.get $bytes)))
  (block $over
    (loop $each
      (br_if $over (i32.ge_u (local.get $text) (local.get $end)))
      (local.set $start (local.get $text))
      (block $ended
        (loop $letters
          (br_if $ended (i32.ge_u (local.get $text) (local.get $end)))
          (br_if $ended (i32.eqz (call $letter (i32.load8_u (local.get $text)))))
          (local.set $text (i32.add (local.get $text) (i32.const 1)))
          (br $letters)))
      (if (i32.eq (local.get $text) (local.get $start))
        (then (local.set $text (i32.add (local.get $text) (i32.const 1))))
        (else
          (local.set $tree
            (call $insert
              (local.get $tree)
              (call $take
                (local.get $start)
                (i32.sub (local.get $text) (local.get $start)))))))
      (br $each)))
  (local.get $tree))

(func $write_text (param $text (ref $text))
  (local $i i32)
  (local $to i32)
  (local.set $to (call $allocate (array.len (local.get $text)) (i32.const 1)))
  (loop $each
    (i32.store8
      (i32.add (local.get $to) (local.get $i))
      (array.get_u $text (local.get $text) (local.get $i)))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $each (i32.lt_u (local.get $i) (array.len (local.get $text))))))

;; A line for each word: the word, a space, how often it was there.
(func $write_tree (param $tree (ref null $node))
  (if (ref.is_null (local.get $tree))
    (then (return)))
  (call $write_tree (struct.get $node $left (local.get $tree)))
  (call $write_text (struct.get $node $word (local.get $tree)))
  (call $write_byte (i32.const 32))
  (call $write_number (struct.get $node $count (local.get $tree)))
  (call $write_byte (i32.const 10))
  (call $write_tree (struct.get $node $right (local.get $tree))))

(func $count_words (param $body i32) (param $bytes i32) (result i32)
  (local $tree (ref null $node))
  (local.set $tree (call $parse (local.get $body) (local.get $bytes)))
  ;; The words are in the collector's heap now: the response may take the request's place.
  (call $reset)
  (call $write_tree (local.get $tree))
  (call $answer (i32.const 200) (global.get $base)))

(data (i32.const 256) "fold-case")
(data (i32.const 272) "true")
(data (i32.const 280) "false")
(data (i32.const 288) "fold-case must be true or false, not ")
(data (i32.const 336) "there is no setting but fold-case; remove ")

;; Refuses the settings: a text that is written to the end of the arena, and what it is about.
(func $refuse (param $text i32) (param $bytes i32) (param $about i32) (param $about_bytes i32)
  (result i32)
  (local $start i32)
  (local.set $start (global.get $bump))
  (call $write (local.get $text) (local.get $bytes))
  (call $write (local.get $about) (local.get $about_bytes))
  (i32.store8 (global.get $result) (i32.const 1))
  (i32.store offset=4 (global.get $result) (local.get $start))
  (i32.store offset=8 (global.get $result)
    (i32.sub (global.get $bump) (local.get $start)))
  (global.get $result))

(func (export "arenaria:processor/lifecycle@0.1.0#configure")
  (param $settings i32) (param $count i32) (result i32)
  (local $key i32)
  (local $key_bytes i32)
  (local $value i32)
  (local $value_bytes i32)
  (block $over
    (loop $each
      (br_if $over (i32.eqz (local.get $count)))
      (local.set $key (i32.load (local.get $settings)))
      (local.set $key_bytes (i32.load offset=4 (local.get $settings)))
      (local.set $value (i32.load offset=8 (local.get $settings)))
      (local.set $value_bytes (i32.load offset=12 (local.get $settings)))
      (if
        (i32.eqz
          (call $equal
            (local.get $key) (local.get $key_bytes) (i32.const 256) (i32.const 9)))
        (then
          (return
            (call $refuse
              (i32.const 336) (i32.const 42) (local.get $key) (local.get $key_bytes)))))
      (global.set $fold_case
        (call $equal
          (local.get $value) (local.get $value_bytes) (i32.const 272) (i32.const 4)))
      (if
        (i32.eqz
          (i32.or
            (global.get $fold_case)
            (call $equal
              (local.get $value) (local.get $value_bytes) (i32.const 280) (i32.const 5))))
        (then
          (return
            (call $refuse
              (i32.const 288) (i32.const 37) (local.get $value) (local.get $value_bytes)))))
      (local.set $settings (i32.add (local.get $settings) (i32.const 16)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $each)))
  (i32.store8 (global.get $result) (i32.const 0))
  (global.get $result))
