"""What a layer holds: found again after every change, however it was asked for before."""

import copy

import numpy as np
import pytest

import ckeras
from ckeras import layers


class Holder(layers.Layer):
    def call(self, x):
        return x


def dense(units=1):
    made = layers.Dense(units)
    made.build((None, 2))
    return made


def held(layer):
    """All that a layer says that it holds, asked twice: the second answer may come from what the first remembered."""
    first, second = (
        [
            layer._flatten_layers(include_self=False),
            layer.variables,
            layer.weights,
            layer.trainable_variables,
            layer.metrics,
        ]
        for _ in range(2)
    )
    assert [[id(x) for x in kind] for kind in first] == [[id(x) for x in kind] for kind in second]
    return first


def test_layers_set_later_are_found():
    holder, a, b = Holder(), dense(), dense()
    holder.a = a
    assert held(holder)[0] == [a]
    holder.b = b
    assert held(holder)[0] == [a, b]
    assert [v.path for v in holder.variables] == [v.path for layer in (a, b) for v in layer.variables]


def test_layers_replaced_and_deleted_are_gone():
    holder, a, b = Holder(), dense(), dense()
    holder.inner = a
    assert held(holder)[0] == [a]
    holder.inner = b
    assert held(holder)[0] == [b] and len(holder.weights) == 2
    holder.inner = 3
    assert held(holder) == [[]] * 5
    holder.inner = a
    assert held(holder)[0] == [a]
    holder.inner = None
    assert held(holder)[0] == []
    holder.inner = b
    assert held(holder)[0] == [b]
    holder.inner = (1, 2)
    assert held(holder)[0] == []
    holder.inner = a
    del holder.inner
    assert held(holder) == [[]] * 5


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: (x,), lambda x: [x], lambda x: {"key": (1, x)}])
def test_containers_may_change_at_any_time(wrap):
    holder, a, b = Holder(), dense(), dense()
    several = []
    holder.single, holder.several = a, wrap(several)
    assert held(holder)[0] == [a]
    several.append(b)
    assert held(holder)[0] == [a, b]
    several.clear()
    assert held(holder)[0] == [a]


def test_deep_changes_are_seen_from_the_top():
    top, middle, leaf = Holder(), Holder(), dense()
    top.middle = middle
    assert held(top)[0] == [middle]
    middle.leaf = leaf
    assert held(top)[0] == [middle, leaf] and len(top.trainable_variables) == 2
    leaf.extra = ckeras.Variable(1.0)
    assert len(held(top)[2]) == 3
    leaf.counter = ckeras.metrics.Mean()
    assert held(top)[4] == [leaf.counter]
    leaf.seed = ckeras.random.SeedGenerator(1)
    assert top.variables[-1] is leaf.seed.state and all(v is not leaf.seed.state for v in top.weights)


def test_trainable_may_be_switched_at_any_time():
    top, leaf = Holder(), dense()
    top.leaf = leaf
    assert len(held(top)[3]) == 2
    leaf.kernel.trainable = False
    assert [v.name for v in held(top)[3]] == ["bias"]
    leaf.trainable = True
    assert len(held(top)[3]) == 2
    top.trainable = False
    assert held(top)[3] == [] and len(top.non_trainable_variables) == 2


def test_answers_are_the_caller_s_own():
    holder = Holder()
    holder.a = dense()
    holder._layers.clear()
    holder.weights.clear()
    holder.a.weights.clear()
    assert len(holder._layers) == 1 and len(holder.weights) == 2


def test_models_train_what_was_added_after_the_first_step():
    class Grows(ckeras.Model):
        def __init__(self):
            super().__init__()
            self.first = layers.Dense(1)
            self.more = []

        def call(self, x):
            y = self.first(x)
            for layer in self.more:
                y = y + layer(x)
            return y

    model = Grows()
    x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    model.compile("sgd", "mse")
    model.train_on_batch(x, y)
    model.more.append(layers.Dense(1))
    model(x)
    assert len(model.trainable_variables) == 4
    before = model.more[0].kernel.numpy().copy()
    model.compile("sgd", "mse")
    model.train_on_batch(x, y)
    assert (model.more[0].kernel.numpy() != before).all()
    model.more[0].trainable = False
    before = model.more[0].kernel.numpy().copy()
    model.compile("sgd", "mse")
    model.train_on_batch(x, y)
    assert (model.more[0].kernel.numpy() == before).all()


def test_order_is_that_in_which_things_came():
    """As in Keras: by the time of the assignment or of what was put into a list, not by the attribute's place."""
    a, b, c, d, e, f = [dense(i + 1) for i in range(6)]
    holder = Holder()
    holder.up, holder.down, holder.named = [], [], {}
    holder.head = a
    for layer, to in ((b, holder.up), (c, holder.down), (d, holder.up)):
        to.append(layer)
    holder.tail = f  # made after e, but there before it
    holder.named["x"] = e
    assert held(holder)[0] == [a, b, c, d, f, e]
    holder.head = holder.up.pop()
    assert held(holder)[0] == [b, c, f, e, d]  # taken out, then set again
    holder.head = a
    assert held(holder)[0] == [b, c, f, e, a]
    twin = copy.deepcopy(holder)
    assert [layer.units for layer in held(twin)[0]] == [2, 3, 6, 5, 1]
    twin.up.append(dense(9))
    assert [layer.units for layer in held(twin)[0]] == [2, 3, 6, 5, 1, 9] and held(holder)[0] == [b, c, f, e, a]
